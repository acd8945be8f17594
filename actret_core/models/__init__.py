"""The region-aware model, part by part: backbone, region tokens (Eq. 1-3), fusion transformer (Eq. 4-5)."""
