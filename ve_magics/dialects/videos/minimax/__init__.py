"""MiniMax's two video interfaces: the older one hands out a file's id, the newer one (MiniMax-H3) its address.

table    models, and what codes mean
wishes   how a request is written in either
client   asking the provider
"""

from ve_magics.dialects.videos.minimax.client import MiniMax

dialect = MiniMax()
"""The client's side."""

__all__ = ["MiniMax", "dialect"]
