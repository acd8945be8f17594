"""The rivals of Table 1, one file each: strong ReID baseline, DELG's global branch, R50-Token, Reranking Transformer."""
