"""Keys are held and never shown: in no repr, error, traceback, pickle, file or address."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import keyring.errors
import msgspec
import pytest

import ve_magics
from tests.engine.scripted import (
    CANARY,
    Asked,
    Provider,
    Send,
    World,
    ask,
    begin,
    body,
    breaks,
    fails,
    gather,
    refuses,
    says,
)
from ve_magics.engine.gateway import Trace
from ve_magics.engine.keys import Redactor, Secret, keyring_key, save_to_keyring
from ve_magics.engine.session import Session
from ve_magics.engine.transport import Deadlines
from ve_magics.errors import ConfigError, VeError

PACKAGE = Path(ve_magics.__file__).parent


def test_a_secret_shows_only_where_it_came_from() -> None:
    """Its repr, str and format are masked; it has no dict to look into."""
    secret = Secret(CANARY, "OPENAI_API_KEY")
    for shown in (repr(secret), str(secret), f"{secret}", f"{[secret]}"):
        assert CANARY not in shown
        assert "OPENAI_API_KEY" in shown
    assert not hasattr(secret, "__dict__")
    assert secret.reveal() == CANARY
    assert secret
    assert not Secret("", "nowhere")


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy, msgspec.json.encode, json.dumps])
def test_a_secret_is_not_copied_out_of_memory(way: Any) -> None:
    """Pickles, copies and JSON of a secret are errors."""
    with pytest.raises(TypeError):
        way(Secret(CANARY, "X"))


def test_what_no_header_can_carry_is_no_key() -> None:
    """Line breaks, spaces and letters beyond ASCII are refused, and the error doesn't show the value."""
    for bad in (f"{CANARY}\n", f"{CANARY} x", f"{CANARY}ü"):
        with pytest.raises(ConfigError) as caught:
            Secret(bad, "X")
        assert CANARY not in everything(caught.value)


def test_known_secrets_and_what_looks_like_a_key_are_taken_out() -> None:
    """Texts, keys of objects and lists are cleaned; sealed data and short secrets are left alone."""
    redactor = Redactor([Secret("my-own-secret", "X"), Secret("short", "Y")])
    assert redactor.text("a my-own-secret b short") == "a [key] b short"
    assert redactor.value({"my-own-secret": ["my-own-secret", 1, None]}) == {"[key]": ["[key]", 1, None]}
    assert redactor.text("Bearer abcdefghijklmnopqrst") == "[key]"
    assert redactor.text("use AIza" + "x" * 30) == "use [key]"
    sealed = "+AIza" + "x" * 600
    assert redactor.text(sealed) == sealed
    assert redactor.knows(b"..my-own-secret..")
    assert not redactor.knows(b"short")


class Ring(keyring.backend.KeyringBackend):  # type: ignore[misc]  # the package has no types
    """A keyring in memory."""

    priority = 1.0

    def __init__(self, broken: bool = False) -> None:
        super().__init__()
        self.broken = broken
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        if self.broken:
            raise keyring.errors.KeyringLocked
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.broken:
            raise keyring.errors.KeyringLocked
        self.held[service, username] = password


@pytest.fixture
def ring() -> Iterator[Ring]:
    """Use a keyring of the test's own."""
    before, ring = keyring.get_keyring(), Ring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


def test_the_system_keyring_keeps_keys(ring: Ring) -> None:
    """What was saved is found again; a locked keyring is told, and saving there just doesn't work."""
    assert keyring_key("openai") is None
    assert save_to_keyring("openai", "sk-saved-12345")
    found = keyring_key("openai")
    assert found is not None
    assert (found.reveal(), found.source) == ("sk-saved-12345", "the system keyring")
    ring.broken = True
    assert not save_to_keyring("openai", "sk-saved-12345")
    with pytest.raises(ConfigError, match="KeyringLocked"):
        keyring_key("openai")


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install, and saving just doesn't work."""
    monkeypatch.setitem(__import__("sys").modules, "keyring", None)
    with pytest.raises(ConfigError, match=r"ve_magics\[keyring\]"):
        keyring_key("openai")
    assert not save_to_keyring("openai", "x")


def everything(error: BaseException) -> str:
    """Return all that any tool could show of an error: words, fields, and the locals of every frame of ours."""
    shown = [repr(error), str(error), repr(error.__dict__)]
    cause: BaseException | None = error
    while cause is not None:
        for frame, _ in traceback.walk_tb(cause.__traceback__):
            if str(PACKAGE) in frame.f_code.co_filename:
                shown += [f"{name}={value!r}" for name, value in frame.f_locals.items()]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\n".join(shown)


async def echo(asked: Asked, send: Send) -> None:
    """Answer with an error that repeats the key, as real servers do."""
    key = asked.headers["authorization"]
    await fails(401, "invalid_api_key", f"Incorrect API key provided: {key.removeprefix('Bearer ')}")(
        asked, send
    )


async def garbage(asked: Asked, send: Send) -> None:
    """Answer with what is no JSON."""
    await begin(send, headers={"content-type": "application/json"})
    await body(send, b"{{{", more=False)


PLAYS = {
    "refused": refuses(),
    "401 that repeats the key": echo,
    "403": fails(403, "permission_denied"),
    "404": fails(404, "model_not_found"),
    "400": fails(400, "invalid_value"),
    "429": fails(429, "insufficient_quota"),
    "500": fails(500),
    "broken JSON": garbage,
    "cut before": breaks(),
    "cut after": breaks("Half"),
}


@pytest.mark.anyio
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("play", PLAYS.values(), ids=PLAYS)
async def test_no_failure_shows_a_key(tmp_path: Path, play: Any, stream: bool) -> None:
    """Not the message, not a field, not the trace, not a local variable of any frame holds the key."""
    world = World(tmp_path, Provider(play))
    trace = Trace()
    with pytest.raises(VeError) as caught:
        await gather(world.gateway.stream(ask("a/m", stream=stream), trace=trace, midstream="fail"))
    assert CANARY not in everything(caught.value)
    assert CANARY not in repr(trace.attempts)
    for attempt in getattr(caught.value, "attempts", ()):
        assert CANARY not in everything(attempt)


@pytest.mark.anyio
@pytest.mark.parametrize("network", ["httptools", "httpx"])
async def test_no_failure_of_the_network_shows_a_key(tmp_path: Path, network: Any) -> None:
    """The same holds over a real socket that refuses, with either library."""
    from ve_magics.engine.gateway import Gateway
    from ve_magics.engine.transport import open_transport

    toml = '[providers.a]\nbase_url = "http://127.0.0.1:9/v1"\nkey = "env:A_KEY"\n'
    world = World(tmp_path, Provider(says("a")), toml=toml)
    transport = open_transport(network)
    gateway = Gateway(world.config, world.router, transport, clock=world.clock, sleep=world.clock.sleep)
    with pytest.raises(VeError) as caught:
        await gather(gateway.stream(ask("a/m"), deadlines=Deadlines(connect=2)))
    assert CANARY not in everything(caught.value)
    await transport.aclose()


def files(folder: Path) -> list[Path]:
    """Return every file in a folder and below."""
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.anyio
async def test_nothing_that_is_written_holds_a_key(tmp_path: Path) -> None:
    """A key that stands in a prompt and comes back in the answer is in no file: not the recording, not the store."""
    said = f"The key is {CANARY}-a, you said."
    world = World(
        tmp_path, Provider(says(said)), environ={"VE_RECORDING": "record", "VE_NOTEBOOK": "n.ipynb"}
    )
    data = tmp_path / "data"
    session = Session(config=world.config, directory=tmp_path, transport=world.transport, data=data)
    events = await gather(session.stream(ask("a/m", f"My key is {CANARY}-a.")))
    assert events
    await session.aclose()
    written = files(tmp_path)
    assert {"n.recording.json", "ve_magics.sqlite"} <= {path.name for path in written}
    for path in written:
        assert CANARY.encode() not in path.read_bytes(), path.name


@pytest.mark.anyio
async def test_the_key_travels_in_a_header_to_its_own_host_alone(tmp_path: Path) -> None:
    """It is in no address, and each provider gets its own key only."""
    world = World(tmp_path, Provider(fails(500)), Provider(says("b")))
    await gather(world.gateway.stream(ask()))
    for name, provider in world.providers.items():
        (asked,) = provider.asked
        assert asked.headers["authorization"] == f"Bearer {CANARY}-{name}"
        assert CANARY not in asked.path + asked.query
        assert CANARY.encode() not in asked.body
