"""The gateway over HTTP: any inbound dialect reaches any provider.

http     read a request, write a reply, notice that the client left
access   tokens: who may ask what, and spend how much
chat     the chat endpoints
metrics  what is counted
app      the ASGI app: paths, errors in the client's own form
"""

from ve_magics.server.access import Access, Grant, server_token
from ve_magics.server.app import ServerApp

__all__ = ["Access", "Grant", "ServerApp", "server_token"]
