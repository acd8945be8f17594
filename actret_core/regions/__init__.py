"""Proposals of a detector, and the choice of those that overlap the anchored person most (Eq. 2)."""
