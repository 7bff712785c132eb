"""OpenAI's video format (`/videos`): its maker's service has ended, gateways and self-hosted servers speak it on.

answers  how a video object is read, in all the forms that those servers give it
client   asking a provider
server   answering users
table    what is known of models
"""

from ve_magics.dialects.videos.contract import VideoServerDialect
from ve_magics.dialects.videos.openai_videos.client import OpenAIVideos
from ve_magics.dialects.videos.openai_videos.server import OpenAIVideosServer

dialect = OpenAIVideos()
"""The client's side."""

server_dialect: VideoServerDialect = OpenAIVideosServer()
"""The server's side."""

__all__ = ["OpenAIVideos", "OpenAIVideosServer", "dialect", "server_dialect"]
