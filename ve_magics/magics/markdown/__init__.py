"""What a model says, as Markdown that can do no harm."""
