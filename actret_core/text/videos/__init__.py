"""Captioned videos, by features from files: train a text model on them, and search in both directions."""
