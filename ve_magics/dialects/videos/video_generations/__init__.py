"""The aggregators' video format (`/video/generations`), as the new-api family of gateways has it.

client  asking a gateway
server  answering users

Its answers come in many shapes; they are read as OpenAI's video objects are, which the same gateways vary as much.
"""

from ve_magics.dialects.videos.video_generations.client import VideoGenerations
from ve_magics.dialects.videos.video_generations.server import VideoGenerationsServer

dialect = VideoGenerations()
"""The client's side."""

server_dialect = VideoGenerationsServer()
"""The server's side."""

__all__ = ["VideoGenerations", "VideoGenerationsServer", "dialect", "server_dialect"]
