"""Learning the representation through action classification (Section 3.4), and reading it out."""
