"""Veo's long-running operations, as Vertex AI and the Gemini API have them (Google's API reference).

client   asking
answers  how an operation is read
table    what is known of models
"""

from ve_magics.dialects.videos.veo.client import Veo

dialect = Veo()
"""The client's side."""

__all__ = ["Veo", "dialect"]
