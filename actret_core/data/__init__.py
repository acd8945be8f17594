"""Data sets on disk as lists of anchored persons, and as tensors."""
