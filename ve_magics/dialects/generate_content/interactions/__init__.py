"""The Interactions API: a conversation as a list of steps. As a client only."""

from __future__ import annotations

from ve_magics.dialects.generate_content.interactions.request import encode_request

__all__ = ["encode_request"]
