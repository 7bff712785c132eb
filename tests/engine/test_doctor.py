"""The doctor looks at everything and says what to do; it never fails itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.scripted import Provider, World, fails
from tests.engine.test_models import lists
from ve_magics.engine.doctor import Finding, examine
from ve_magics.engine.session import Session
from ve_magics.store.database import open_memory

pytestmark = pytest.mark.anyio


def told(findings: list[Finding], start: str) -> Finding:
    """Return the finding that begins so."""
    (found,) = [finding for finding in findings if finding.text.startswith(start)]
    return found


async def test_a_sound_setup_has_good_findings_only(tmp_path: Path) -> None:
    """Configuration, defaults, providers with keys and the store are named."""
    world = World(tmp_path, Provider(lists("m")), toml='[defaults]\nchat = "a/m"\n')
    session = Session(config=world.config, directory=tmp_path, transport=world.transport, store=open_memory())
    findings = await examine(session)
    assert all(finding.good for finding in findings)
    assert "config.toml" in told(findings, "configuration:").text
    assert told(findings, "chat: a/m").text.endswith("config.toml)")
    assert told(findings, "a:").text == "a: answers, 1 models"
    assert told(findings, "store:").good


async def test_what_is_wrong_is_told_with_what_to_do(tmp_path: Path) -> None:
    """A refused key, an unusable one, a default without a key, a broken recording, a store that can't be used."""
    (tmp_path / "data").write_text("no folder", "utf-8")
    (tmp_path / "n.recording.json").write_text("{", "utf-8")
    environ = {"VE_RECORDING": "replay", "MISTRAL_API_KEY": "sk one two"}
    world = World(
        tmp_path,
        Provider(fails(401, "invalid_api_key")),
        toml='[defaults]\nchat = "openai/gpt-5.4"\n',
        environ=environ,
    )
    session = Session(
        config=world.config,
        directory=tmp_path,
        notebook=tmp_path / "n.ipynb",
        transport=world.transport,
        data=tmp_path / "data",
    )
    findings = await examine(session)
    bad = {finding.text.partition(":")[0] for finding in findings if not finding.good}
    assert {"chat", "a", "key", "store", "recording"} <= bad
    assert "OPENAI_API_KEY" in told(findings, "chat:").text
    assert "MISTRAL_API_KEY" in told(findings, "key:").text
    assert not any("sk one" in finding.text for finding in findings)


async def test_recordings_that_can_be_used_are_counted(tmp_path: Path) -> None:
    """The recording's name and size are told; in `off` they don't matter. A closed store is told, too."""
    (tmp_path / "n.recording.json").write_text('{"ve_magics_recording": 1, "entries": []}', "utf-8")
    world = World(tmp_path, Provider(lists("m")), environ={"VE_RECORDING": "auto"})
    store = open_memory()
    session = Session(
        config=world.config,
        directory=tmp_path,
        notebook=tmp_path / "n.ipynb",
        transport=world.transport,
        store=store,
    )
    assert told(await examine(session), "recording:").text == "recording: n.recording.json, 0 answers"
    session.mode = "off"
    store.close()
    findings = await examine(session)
    assert not any(finding.text.startswith("recording:") for finding in findings)
    assert not told(findings, "store:").good
