"""`[agents.NAME]` and `[mcp.NAME]` in the user's configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ve_magics.engine.config import Config
from ve_magics.errors import ConfigError


def config(folder: Path, text: str, **environ: str) -> Config:
    path = folder / "config.toml"
    path.write_text(text, "utf-8")
    return Config(environ={"VE_CONFIG": str(path), **environ}, directory=folder, keyring=lambda _: None)


def test_agents_are_read(tmp_path: Path) -> None:
    """An agent has a purpose, and perhaps a model, tools and a system prompt."""
    found = config(
        tmp_path,
        '[agents.law]\npurpose = "Contracts."\nmodel = "fast"\ntools = ["a", "b"]\nsystem = "Be exact."\n',
    )
    row = found.agents["law"]
    assert (row.purpose, row.model, row.tools, row.system) == ("Contracts.", "fast", ("a", "b"), "Be exact.")


def test_servers_are_read(tmp_path: Path) -> None:
    """A server is a program with its arguments and environment, or an address with its key."""
    found = config(
        tmp_path,
        '[mcp.files]\ncommand = "server"\nargs = ["-v", "."]\nenv = {A = "1", B = "env:SECRET"}\ncwd = "x"\ntimeout = 5\n'
        '[mcp.words]\ncommand = ["server", "words"]\n'
        '[mcp.web]\nurl = "https://host.example/mcp"\nkey = "env:SECRET"\nheaders = {X-Team = "blue"}\n',
        SECRET="s3cret",
    )
    assert list(found.mcp) == ["files", "words", "web"]
    files = found.mcp["files"]
    assert files.command == ("server", "-v", ".")
    assert (dict(files.env), files.cwd, files.timeout) == ({"A": "1", "B": "s3cret"}, "x", 5.0)
    assert found.mcp["words"].command == ("server", "words")
    web = found.mcp["web"]
    assert (web.url, dict(web.headers)) == (
        "https://host.example/mcp",
        {"X-Team": "blue", "Authorization": "Bearer s3cret"},
    )
    assert "s3cret" not in repr((files, web))
    with pytest.raises(KeyError):
        found.mcp["nobody"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("", "a command or a url, one of them"),
        ('command = "x"\nurl = "https://h/m"', "one of them"),
        ('url = "ftp://h/m"', "url is not an address"),
        ('url = "https://user:pass@h/m"', "url is not an address"),
        ('url = "https://h/m"\nheaders = {Authorization = "Bearer x"}', "headers may not carry a key"),
        ('url = "https://h/m"\nkey = "sk-123"', "not the key itself"),
        ('url = "https://h/m"\nkey = "env:NOT_SET"', "NOT_SET, which is not set"),
    ],
)
def test_rows_that_mean_nothing_are_refused(tmp_path: Path, row: str, said: str) -> None:
    """A server that can't be used says why, when it is asked for, and never shows a key."""
    found = config(tmp_path, f"[mcp.x]\n{row}\n")
    with pytest.raises(ConfigError, match=said) as caught:
        found.mcp["x"]
    assert "sk-123" not in str(caught.value)


@pytest.mark.parametrize("text", ['[agents."a b"]\npurpose = "p"\n', '[mcp."a/b"]\ncommand = "c"\n'])
def test_names_that_nobody_can_call_are_refused(tmp_path: Path, text: str) -> None:
    """A name becomes part of a tool's name, and is held to its letters."""
    with pytest.raises(ConfigError, match="can't be called so"):
        config(tmp_path, text)
