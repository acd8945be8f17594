"""Actions never seen as a combination: train without one whose verb and noun are known, and ask for it by a phrase."""
