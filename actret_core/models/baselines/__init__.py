"""The rivals of Table 1, one file each: strong ReID, the global branch of DELG, R50-Token, Reranking Transformer."""
