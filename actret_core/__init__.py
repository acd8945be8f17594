"""Image-based human action retrieval: the anchored person, its contextual regions, and the whole image.

Read it in this order; a folder imports only from what stands before it: errors, config, files and distributed; data,
models and retrieval; regions, training and viz; experiments; text; cli.
"""

__version__ = "0.1.0"
