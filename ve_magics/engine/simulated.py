"""The simulator that answers in this process where no key and no configuration says otherwise."""

from __future__ import annotations

from typing import Any

from ve_magics.engine.transport import App


class Simulated:
    """The simulator's ASGI app, imported when it is first asked."""

    def __init__(self) -> None:
        self._app: App | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if self._app is None:
            from ve_magics.sim import app

            self._app = app()
        await self._app(scope, receive, send)
