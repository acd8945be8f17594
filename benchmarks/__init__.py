"""How fast and how large: re-ranking, evaluation, search and training. A benchmark, not a test."""
