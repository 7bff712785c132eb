"""The server over a real socket, with simulated or scripted providers behind it."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple, Self

import uvicorn

from tests.engine.scripted import CANARY, NoNetwork
from ve_magics.engine.config import Config
from ve_magics.engine.listener import protocol
from ve_magics.engine.session import Session
from ve_magics.engine.transport import Mounted, open_transport
from ve_magics.server import Access, Grant, ServerApp
from ve_magics.sim import Settings, Simulator

TOKEN = "token-of-the-tests"
DIALECTS = ("chat_completions", "responses", "messages", "generate_content")
QUICK = Settings(first_token=0.0, tokens_per_second=math.inf, video_seconds=0.0)


class Answered(NamedTuple):
    """A reply, read whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


def provider_rows(names: Mapping[str, str], base_urls: Mapping[str, str] | None = None) -> str:
    """Return rows of configuration for providers, by name and dialect."""
    rows = []
    for name, dialect in names.items():
        version = "v1beta" if dialect == "generate_content" else "v1"
        url = (base_urls or {}).get(name, f"https://{name.replace('_', '-')}.test") + f"/{version}"
        rows.append(
            f'[providers.{name}]\nbase_url = "{url}"\ndialect = "{dialect}"\nkey = "env:UPSTREAM_KEY"\n'
        )
    return "\n".join(rows)


def config_of(folder: Path, toml: str, **environ: str) -> Config:
    """Return a configuration that is read from a file."""
    path = folder / "config.toml"
    path.write_text(toml, "utf-8")
    home = {"VE_CONFIG": str(path), "VE_HOME": str(folder / "home"), "UPSTREAM_KEY": CANARY}
    return Config(environ={**home, **environ})


class Running:
    """A server that runs in a thread while the context lasts.

    Args:
        folder: Where its configuration and data lie.
        toml: The configuration.
        apps: Providers in process, by host; all others can't be reached.
        network: Whether providers are reached over the network instead.
        grants: Who may ask beside the holder of `TOKEN`.
        environ: More variables of the environment.
        **options: As for `ServerApp`.
    """

    def __init__(
        self,
        folder: Path,
        toml: str,
        apps: Mapping[str, Any] | None = None,
        *,
        network: bool = False,
        grants: tuple[Grant, ...] = (),
        environ: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        self.config = config_of(folder, toml, **(environ or {}))
        self.simulator = Simulator(QUICK)
        transport = Mounted(
            {"sim.invalid": self.simulator, **(apps or {})}, open_transport if network else NoNetwork
        )
        self.session = Session(config=self.config, transport=transport, data=folder / "home")
        self.app = ServerApp(self.session, Access((Grant(name="tests", token=TOKEN), *grants)), **options)
        config = uvicorn.Config(
            self.app, port=0, log_level="critical", lifespan="on", ws="none", http=protocol()
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),), daemon=True)

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        await self._server.serve()

    def stop(self) -> None:
        """Tell it to stop, as a signal does."""
        self._server.should_exit = True

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
            assert self._thread.is_alive()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._server.servers[0].sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def __call__(
        self,
        path: str,
        body: object = None,
        *,
        method: str = "",
        token: str | None = TOKEN,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """Ask once and return the reply."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        fields = {} if token is None else {"authorization": f"Bearer {token}"}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(
                method or ("GET" if data is None else "POST"), path, data, {**fields, **(headers or {})}
            )
            reply = connection.getresponse()
            told = {name.lower(): value for name, value in reply.getheaders()}
            return Answered(reply.status, told, reply.read())
        finally:
            connection.close()

    def chat(self, model: str, text: str = "Hello", **more: Any) -> Answered:
        """Ask a model one thing in OpenAI's form."""
        headers = more.pop("headers", None)
        token = more.pop("token", TOKEN)
        body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        return self("/v1/chat/completions", body, headers=headers, token=token)


def every_dialect(folder: Path, faults: Iterable[str] = (), **options: Any) -> Running:
    """Return a server with a simulated provider of each dialect, named after it.

    Args:
        folder: Where its configuration and data lie.
        faults: What the simulators can be asked to do wrong: a route `DIALECT-FAULT` for each, without retries.
        **options: As for `Running`.
    """
    apps = {f"{dialect.replace('_', '-')}.test": Simulator(QUICK) for dialect in DIALECTS}
    rows = provider_rows({dialect: dialect for dialect in DIALECTS}) + "".join(
        f'[routes."{dialect}-{fault}"]\ntargets = ["{dialect}/fault-{fault}"]\nretries = 0\n'
        for dialect in DIALECTS
        for fault in faults
    )
    return Running(folder, rows, apps, **options)


def until(true: Callable[[], object], seconds: float = 10) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)


class Log(logging.Handler):
    """Keeps every line that is logged anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line with its traceback."""
        self.lines.append(logging.Formatter("%(name)s %(message)s").format(record))
