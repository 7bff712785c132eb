"""Runway's tasks (Runway API reference).

client  asking
table   what is known of the models, its own and those of other makers
"""

from ve_magics.dialects.videos.runway.client import Runway

dialect = Runway()
"""The client's side."""

__all__ = ["Runway", "dialect"]
