"""The bundles that are committed: small, whole, made of the sources beside them, and asking nobody for anything."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

WIDGETS = Path(__file__).resolve().parents[2] / "ve_magics" / "widgets"
STATIC, SOURCES = WIDGETS / "static", WIDGETS / "src"
BUNDLES = ("chat.css", "chat.js", "gallery.css", "gallery.js")
HARMLESS = {
    "http://www.w3.org/1998/Math/MathML": "the name of a namespace",
    "http://www.w3.org/2000/svg": "the name of a namespace",
    "http://": "what marked sets before www. addresses that stand in a text",
    "https://github.com/markedjs/marked.": "where marked wants errors of its own reported",
}
"""Addresses in the bundles that are only words, each with its reason."""
FETCHES = re.compile(
    r"(?<![.\w])fetch\((?!\)\{)|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|@import|\bimport\s*\(|\bfrom\s*[\"']"
)


def digest(path: Path) -> str:
    """Return a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", BUNDLES)
def test_bundle_asks_nobody(name: str) -> None:
    """No address that could be fetched, no way to fetch one, and no style that loads anything."""
    text = (STATIC / name).read_text("utf-8")
    found = set(re.findall(r"(?:https?|wss?|ftp)://[^\s\"'`<>)\\;,]*", text))
    assert found <= HARMLESS.keys()
    assert FETCHES.findall(text) == []
    assert not name.endswith(".css") or "url(" not in text


@pytest.mark.parametrize("name", BUNDLES)
def test_bundle_is_small(name: str) -> None:
    """Markdown, maths and colours for code included, a panel is under 250 kB."""
    assert (STATIC / name).stat().st_size < 250_000


def test_bundles_were_built_from_these_sources() -> None:
    """Nobody has changed a source, a locked version or a bundle without building anew."""
    told = json.loads((STATIC / "built.json").read_text("utf-8"))
    sources = {
        path.name: digest(path)
        for path in sorted(SOURCES.iterdir())
        if path.suffix in {".js", ".css", ".mjs"} or re.fullmatch(r"package.*\.json", path.name)
    }
    hint = "build anew: cd ve_magics/widgets/src && npm ci && npm run build"
    assert told["sources"] == sources, hint
    assert told["built"] == {name: digest(STATIC / name) for name in BUNDLES}, hint


def test_sources_build_to_these_bundles(tmp_path: Path) -> None:
    """Built again with the locked tools, every byte is the same; needs node and what `npm ci` brings."""
    if shutil.which("node") is None or not (SOURCES / "node_modules" / "esbuild").is_dir():
        pytest.skip("node and the locked build tools are not installed: cd ve_magics/widgets/src && npm ci")
    subprocess.run(["node", SOURCES / "build.mjs", tmp_path], check=True, capture_output=True, timeout=60)
    assert {path.name: digest(path) for path in tmp_path.iterdir()} == {
        path.name: digest(path) for path in STATIC.iterdir()
    }


def test_licences_of_bundled_code_are_told() -> None:
    """Each package that is in a bundle stands in the list with its version and its terms."""
    text = (STATIC / "LICENSES.txt").read_text("utf-8")
    wanted = json.loads((SOURCES / "package.json").read_text("utf-8"))["devDependencies"]
    for name in wanted.keys() - {"esbuild"}:
        assert f"{name} {wanted[name]}" in text
    assert text.count("Permission is hereby granted") == 2


def test_lock_names_no_registry() -> None:
    """The lock holds digests, and no address that would send somebody else to our registry."""
    lock = json.loads((SOURCES / "package-lock.json").read_text("utf-8"))
    assert "://" not in (SOURCES / "package-lock.json").read_text("utf-8")
    assert all("integrity" in row for name, row in lock["packages"].items() if name)
