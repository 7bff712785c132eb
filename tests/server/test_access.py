"""Tokens: where they lie, what they allow, and where the server may listen."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.server.running import Running, config_of, provider_rows
from ve_magics.engine.config import Config
from ve_magics.errors import AuthError, ConfigError, PermissionDeniedError
from ve_magics.server.access import Access, Grant, server_token
from ve_magics.server.serve import is_loopback, open_to

KEYS = """
[[server.keys]]
name = "team"
key = "env:TEAM_TOKEN"
models = ["sim/*"]
budget = 1.5
"""
TEAM = "token-of-the-team"


def test_a_token_is_made_once_for_this_user_alone(tmp_path: Path) -> None:
    """The token lies in a file that only its owner can read, and stays the same."""
    token, path = server_token(tmp_path / "home")
    assert path == tmp_path / "home" / "server-token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.read_text("utf-8").strip() == token
    assert len(token) > 30
    path.chmod(0o644)
    assert server_token(tmp_path / "home") == (token, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert server_token(tmp_path / "other")[0] != token
    assert [entry.name for entry in path.parent.iterdir()] == ["server-token"]


def test_a_token_that_is_too_short_is_made_anew(tmp_path: Path) -> None:
    """An empty or broken file is no token."""
    (tmp_path / "server-token").write_text("short\n", "utf-8")
    assert len(server_token(tmp_path)[0]) > 30


def test_a_directory_that_can_t_be_used(tmp_path: Path) -> None:
    """Where no token can be kept, the error says what to set."""
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(ConfigError, match="VE_SERVER_TOKEN or VE_HOME"):
        server_token(tmp_path / "file" / "home")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("example.org", False),
    ],
)
def test_what_only_this_machine_can_reach(tmp_path: Path, host: str, loopback: bool) -> None:
    """The server makes its own token for this machine alone; for others somebody must have given one."""
    assert is_loopback(host) is loopback
    plain = config_of(tmp_path, "")
    if loopback:
        grants, note = open_to(host, plain, tmp_path)
        assert grants[0].token not in note
        assert str(tmp_path / "server-token") in note
    else:
        with pytest.raises(ConfigError, match="VE_SERVER_TOKEN"):
            open_to(host, plain, tmp_path)
        assert not (tmp_path / "server-token").exists()
    own, note = open_to(host, config_of(tmp_path, "", VE_SERVER_TOKEN="a-token-of-my-own"), tmp_path)
    assert own[0].token == "a-token-of-my-own"
    assert "a-token" not in note
    grants, _ = open_to(host, config_of(tmp_path, KEYS, TEAM_TOKEN=TEAM), tmp_path)
    assert grants[1] == Grant(name="team", token=TEAM, models=("sim/*",), budget=1.5)


@pytest.mark.parametrize(
    ("toml", "environ", "said"),
    [
        (KEYS, {}, "TEAM_TOKEN"),
        (KEYS + KEYS, {"TEAM_TOKEN": TEAM}, "twice"),
        (KEYS.replace("env:TEAM_TOKEN", TEAM), {"TEAM_TOKEN": TEAM}, "key"),
        (KEYS.replace('"team"', '"a/b"'), {"TEAM_TOKEN": TEAM}, "name"),
        (KEYS.replace("1.5", "-1"), {"TEAM_TOKEN": TEAM}, "budget"),
        (KEYS + "limit = 3", {"TEAM_TOKEN": TEAM}, "limit"),
    ],
)
def test_keys_that_can_t_be_used(tmp_path: Path, toml: str, environ: dict[str, str], said: str) -> None:
    """A row that can't hold is an error that names what is wrong and never shows a key."""
    with pytest.raises(ConfigError) as caught:
        open_to("127.0.0.1", config_of(tmp_path, toml, **environ), tmp_path)
    assert said in str(caught.value)
    assert TEAM not in str(caught.value)


def test_a_notebook_s_folder_gives_no_keys(tmp_path: Path) -> None:
    """A configuration that came with a notebook may not open the server."""
    (tmp_path / "ve_magics.toml").write_text(KEYS, "utf-8")
    with pytest.raises(ConfigError, match=r"may not set \[server\]"):
        Config(environ={"VE_CONFIG": ""}, directory=tmp_path)


@pytest.mark.parametrize(
    "grants",
    [
        (Grant(name="a", token="short"),),
        (Grant(name="a", token="the-same-token"), Grant(name="b", token="the-same-token")),
    ],
)
def test_tokens_that_guard_nothing(grants: tuple[Grant, ...]) -> None:
    """A short token, or one that two holders share, is refused."""
    with pytest.raises(ConfigError):
        Access(grants)


def test_a_grant_never_shows_its_token() -> None:
    """Its repr names the holder alone."""
    assert repr(Grant(name="team", token=TEAM)) == "<grant of team>"


def test_patterns() -> None:
    """A pattern is matched against the name that is asked for, and the refusal tells the patterns."""
    grant = Grant(name="team", token=TEAM, models=("sim/*", "fast"))
    grant.check_model("sim/tutor")
    grant.check_model("fast")
    with pytest.raises(PermissionDeniedError, match=r"sim/\*, fast"):
        grant.check_model("faster")


def test_no_token_and_a_wrong_one_are_told_apart() -> None:
    """The error says whether a token is missing or wrong."""
    access = Access((Grant(name="team", token=TEAM),))
    with pytest.raises(AuthError, match="missing"):
        access.grant({}, b"")
    with pytest.raises(AuthError, match="wrong"):
        access.grant({}, b"key=other-token-123")
    assert access.grant({}, f"alt=sse&key={TEAM}".encode()).name == "team"


def test_a_model_that_a_key_names_is_listed(tmp_path: Path) -> None:
    """A key for one model shows that one, also where the configuration doesn't list it; never one that nobody serves."""
    grant = Grant(name="one", token="token-of-one-model", models=("a/m", "sim/*", "nobody-serves-this"))
    with Running(tmp_path, provider_rows({"a": "chat_completions"}), grants=(grant,)) as server:
        rows = server("/v1/models", token=grant.token).json["data"]
    names = [row["id"] for row in rows]
    assert "a/m" in names
    assert "sim/tutor" in names
    assert "nobody-serves-this" not in names
    assert len(names) == len(set(names))
