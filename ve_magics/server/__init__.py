"""The gateway over HTTP: any inbound dialect reaches any provider.

app        the ASGI app: from a request to whoever answers it, errors in the client's own form
paths      which path is whose
access     tokens: who may ask what
accounts   budgets, and the ledger; scribe writes its lines
chat       questions and answers; stream is how an answer goes out while it comes
singles    vectors, pictures, ranks
videos     films: orders is how one is ordered, following sees it made, files is how it is sent
listing    the models; counting the tokens of a question
trail      what headers tell about the way to an answer
metrics    what is counted
serve      what the command does
"""

from ve_magics.server.access import Access, Grant, server_token
from ve_magics.server.app import ServerApp
from ve_magics.server.chat import Pace
from ve_magics.server.serve import serve

__all__ = ["Access", "Grant", "Pace", "ServerApp", "serve", "server_token"]
