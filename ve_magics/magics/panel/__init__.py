"""Widgets and what binds them to the session."""
