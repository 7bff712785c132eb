"""Questions and answers in cells."""
