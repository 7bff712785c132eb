"""AI models, text and video, in a Jupyter notebook."""
