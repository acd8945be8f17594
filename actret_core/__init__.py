"""Image-based human action retrieval: the anchored person, its contextual regions, and the whole image."""

__version__ = "0.1.0"
