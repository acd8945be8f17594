"""From the name of a run to its record: what is trained, on what, by which settings, and what is written down."""
