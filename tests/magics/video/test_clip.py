"""The clip as an object."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ve_magics.magics.video.clip import Clip


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    """Return a clip whose poster is missing."""
    path = tmp_path / "boat.mp4"
    path.write_bytes(b"0" * 5000)
    return Clip(
        path,
        poster=tmp_path / "gone.png",
        prompt='A "boat" <b>',
        revised_prompt="A paper boat",
        served="sim/film",
        duration=2.0,
        size="640x360",
        cost=0.5,
    )


def test_clip_shows_itself(clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the last line of a cell it plays; a poster that is gone is left out."""
    monkeypatch.chdir(tmp_path)
    data, metadata = clip._repr_mimebundle_()
    assert data == clip.bundle(tmp_path)
    assert 'src="boat.mp4"' in data["text/html"]
    assert 'width="640"' in data["text/html"]
    assert "poster" not in data["text/html"]
    assert "<b>" not in data["text/html"]
    assert data["text/plain"] == "boat.mp4 · 2.0 s · 640×360 · 5 kB"
    assert metadata["ve_magics"] == clip.facts()
    assert repr(clip) == "<Clip boat.mp4, 2 s, 640x360>"


def test_facts_are_json(clip: Clip) -> None:
    """The metadata tells who made it, from what, and that it is simulated."""
    facts = clip.facts()
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["served_by"], facts["revised_prompt"], facts["cost_usd"]) == (
        "sim/film",
        "A paper boat",
        0.5,
    )
    assert facts["simulated"] is True


def test_unknown_facts_are_left_out(tmp_path: Path) -> None:
    """A clip of which little is known is shown all the same."""
    path = tmp_path / "a.mp4"
    path.write_bytes(b"0")
    bare = Clip(path, poster=None, prompt="x", served="other/model")
    assert repr(bare) == "<Clip a.mp4>"
    assert bare.facts() == {"served_by": "other/model", "prompt": "x", "cost_usd": None}
    assert "width" not in bare.bundle(tmp_path)["text/html"]
