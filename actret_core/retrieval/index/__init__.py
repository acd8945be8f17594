"""An index of embeddings: searched by vector or by id, changed by id, kept on disk."""
