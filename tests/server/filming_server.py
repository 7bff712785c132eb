"""A server of films that is killed: `python filming_server.py FOLDER PORT`, its provider at that port.

It is `ve-magics serve` in all but two things: it asks its provider often, and the jobs of one that died are taken over
after a moment instead of twenty seconds.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.engine.killing import open_filming, open_session
from ve_magics.engine.listener import listen
from ve_magics.server import Access, Grant, ServerApp

TOKEN = "token-of-the-tests"

if __name__ == "__main__":
    session = open_session(Path(sys.argv[1]), int(sys.argv[2]))
    session._filming = open_filming(session)
    grants = (Grant(name="tests", token=TOKEN),)
    listen(ServerApp(session, Access(grants)), "127.0.0.1", 0, name="films", what="The server", grace=1)
