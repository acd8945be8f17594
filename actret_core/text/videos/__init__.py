"""Captioned videos, by features that others computed: train a text model on them, and search both ways."""
