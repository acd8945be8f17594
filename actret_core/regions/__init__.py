"""Where to look: proposals of a detector, and which of them surround the anchored person (Eq. 2)."""
