"""Learning the representation through action classification (Section 3.4), and embedding data sets with it."""
