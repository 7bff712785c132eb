"""Films in cells."""
