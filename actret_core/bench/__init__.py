"""How fast and how large: re-ranking, evaluation and search beside public code. A benchmark, not a test."""
