"""Models that act, in cells."""
