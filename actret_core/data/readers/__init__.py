"""Data sets on disk, in their official layouts, and where they are fetched."""
