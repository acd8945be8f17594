"""Unseen compositions: train without an action whose verb and noun both occur in others, then search for it."""
