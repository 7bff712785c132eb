"""The same for every row."""
