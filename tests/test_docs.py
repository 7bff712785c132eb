"""What the manual and the READMEs say is so: links lead somewhere, and what they tell to type is understood."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from ve_magics import cli
from ve_magics.engine.config import Config
from ve_magics.magics.completion import PARSERS
from ve_magics.magics.status import _COMMANDS
from ve_magics.providers import PROVIDERS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
MANUAL = [page for page in PAGES if page.name != "CHANGELOG.md"]
PERCENT_PYTHON = re.compile(r"^\s*(?:[\w, ]+=\s*)?%", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: its page, its language and its text."""

    page: Path
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}: {self.text.splitlines()[0] if self.text else ''}"


def blocks(pages: list[Path] = MANUAL) -> Iterator[Block]:
    """Find the fenced blocks of pages."""
    for page in pages:
        for language, text in re.findall(
            r"^```([^\n]*)\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
        ):
            yield Block(page, language, text)


def anchors(page: Path) -> set[str]:
    """Return what a link may name behind `#`, as the manual and repository pages build it."""
    headings = re.findall(
        r"^#+ (.+)$",
        re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL),
        re.MULTILINE,
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link names a file that is there, and a heading that it has."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        if path.startswith("tutorials/"):  # copied there when the manual is built
            path = f"../notebooks/{path.removeprefix('tutorials/')}"
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_in_the_table_of_contents() -> None:
    """A page that nothing lists would not be found; the Chinese README leads to what the English one leads to."""
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    listed = set(re.findall(r"^([\w-]+)$", index.rpartition("```{toctree}")[2], re.MULTILINE))
    assert listed == {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}
    linked = set(re.findall(r"\]\(([\w-]+)\.md\)", index))
    assert linked == listed
    english, chinese = (
        set(re.findall(r"\]\((docs/[\w-]+\.md)\)", (ROOT / name).read_text("utf-8")))
        for name in ("README.md", "README.zh-CN.md")
    )
    assert chinese == english - {"docs/tutorials.md"}


@pytest.mark.parametrize("block", [one for one in blocks() if one.language == "python"], ids=str)
def test_python_is_python(block: Block) -> None:
    """Python in the manual parses; lines of magics aside."""
    code = "\n".join(line for line in block.text.splitlines() if not PERCENT_PYTHON.match(line))
    compile(code, block.page.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)


@pytest.mark.parametrize("block", [one for one in blocks() if one.language == "toml"], ids=str)
def test_configurations_are_taken(block: Block, tmp_path: Path) -> None:
    """A configuration that the manual shows can be used as it stands."""
    file = tmp_path / "config.toml"
    file.write_text(block.text, "utf-8")
    config = Config(environ={"VE_CONFIG": str(file)}, directory=tmp_path, keyring=lambda _: None)
    config.default("chat")
    assert list(config.read_from) == [file]


def magic_lines() -> Iterator[tuple[str, str, str]]:
    """Find the lines of magics that read flags: page, magic, what stands behind it."""
    magics = "|".join(sorted(map(re.escape, PARSERS), key=len, reverse=True))
    for block in blocks():
        joined = re.sub(r"\n\s+(?=\[)", " ", block.text)
        for magic, line in re.findall(rf"^(?:\w+ = )?({magics})(?![\w%])(.*)$", joined, re.MULTILINE):
            yield block.page.name, magic, line.strip()
    for page in MANUAL:
        for magic, line in re.findall(rf"`({magics})(?![\w%])([^`]*)`", page.read_text("utf-8")):
            yield page.name, magic, line.strip()


@pytest.mark.parametrize(("page", "magic", "line"), [*magic_lines()])
def test_flags_are_those_of_the_magic(page: str, magic: str, line: str) -> None:
    """Every flag behind a magic's name is one that its parser knows; an example is read whole."""
    parser = PARSERS[magic]()
    known = {name for action in parser._actions for name in action.option_strings}
    named = re.sub(r"\[the (same )?flags[^\]]*\]", "", line)
    assert set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", named)) <= known
    if magic.startswith("%%") and not re.search(r"[\[…]|\b[A-Z]{2,}\b|\.\.\.", line):
        parser.read(line or {"%%ask": "kb", "%%batch": "rows", "%%compare": "a b"}.get(magic, ""))


@pytest.mark.parametrize("magic", sorted(PARSERS))
def test_every_flag_is_told(magic: str) -> None:
    """The manual tells each flag of a magic, under one of its names."""
    text = "".join(line for _, _, line in magic_lines()) + "".join(page.read_text("utf-8") for page in MANUAL)
    for action in PARSERS[magic]()._actions:
        assert not action.option_strings or any(
            re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) for name in action.option_strings
        ), action.option_strings


def test_commands_exist() -> None:
    """`%ve COMMAND` and `ve-magics COMMAND` in the manual are commands, and every command is told there."""
    text = "".join(page.read_text("utf-8") for page in MANUAL)
    (commands,) = (action.choices for action in cli.parser()._actions if isinstance(action.choices, dict))
    told = set(re.findall(r"(?:`|^)ve-magics ([a-z]+)", text, re.MULTILINE))
    assert told == set(commands)
    told = set(re.findall(r"(?:`|^|= )%ve ([a-z]+)", text, re.MULTILINE)) - {"help"}
    assert told == set(_COMMANDS) - {""}


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md", "docs/configuration.md"])
def test_variables_of_keys_are_known(page: str) -> None:
    """A variable that the manual tells to set is one that is read."""
    told = set(re.findall(r"`([A-Z_]+_(?:API_KEY|KEY|TOKEN|SECRET))`", (ROOT / page).read_text("utf-8")))
    known = {name for provider in PROVIDERS.values() for name in provider.key_names}
    assert told - {"KLING_ACCESS_KEY", "KLING_SECRET_KEY", "VE_SERVER_TOKEN"} <= known


def test_every_extra_is_told() -> None:
    """The manual's table of extras has a row for each one that a user may install."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    table = (ROOT / "docs" / "configuration.md").read_text("utf-8").partition("\n## Extras\n")[2]
    assert set(re.findall(r"^\| `([a-z]+)` \|", table, re.MULTILINE)) == set(extras) - {"test", "docs"}
