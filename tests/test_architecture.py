"""The house as a failing test: what each part may import, and why.

The rules are the tables at the top. Each checker takes a package folder, so that it is tried on a made-up package too:
a rule that can't fail is no rule. Imports inside functions and under `TYPE_CHECKING` count like all others.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "ve_magics"

FLOORS = {
    **dict.fromkeys(("__init__", "__main__"), 7),
    **dict.fromkeys(
        ("magics", "server", "client", "cli", "jobs_cli", "demo", "terminal", "bench", "pytest_plugin"), 6
    ),
    **dict.fromkeys(("engine", "sim"), 5),
    **dict.fromkeys(("dialects", "store", "widgets"), 4),
    **dict.fromkeys(("events", "tools", "catalog"), 3),
    **dict.fromkeys(("messages", "routing", "jobs", "providers"), 2),
    "errors": 1,
}
"""Imports go down. A room that is missing here has no place in the house."""

SIDEWAYS = {
    ("cli", "server"): "the command line starts the server",
    ("cli", "jobs_cli"): "the command line shows the video jobs",
    ("cli", "bench"): "the command line measures",
    ("cli", "demo"): "the command line shows the quickstart",
    ("cli", "__init__"): "the command line tells the package's version",
    ("demo", "terminal"): "the quickstart is shown in the terminal as it runs",
    ("engine", "sim"): "the embedded default is the simulator, in the same process",
    ("sim", "engine"): "the simulator listens on a socket in the one way there is",
    ("jobs", "messages"): "a film may begin with a picture, and a picture is a part of a message",
}
"""Imports that do not go down, each with its reason. They still must not form a circle."""

PURE = (*(name for name, floor in FLOORS.items() if floor <= 3), "dialects")
HTTP = (
    "httpx",
    "httpx2",
    "aiohttp",
    "requests",
    "urllib3",
    "urllib.request",
    "http.client",
    "h11",
    "httptools",
)
SQL = ("sqlite3", "psycopg", "apsw", "sqlalchemy")
LOOPS = ("asyncio", "anyio", "trio", "threading", "concurrent", "selectors", "socket", "ssl")
FRONT_ENDS = ("IPython", "ipykernel", "ipywidgets", "anywidget", "traitlets", "comm")
CHANCE = ("time", "random", "secrets", "uuid")
MACHINE = ("os", "subprocess", "tempfile", "shutil", "signal", "platform", "getpass")
STARTERS = ("ve_magics.engine.session", "ve_magics.engine.gateway")
TASKS = ("engine.agent", "engine.director", "engine.video", "engine.knowledge")


class Never(NamedTuple):
    """One thing that must not be imported: where, what, why, and the one room where it may be."""

    scope: tuple[str, ...]
    forbidden: tuple[str, ...]
    reason: str
    room: tuple[str, ...] = ()


ALL = ("",)
NEVERS = (
    Never(PURE, HTTP, "pure parts are tested without a network"),
    Never(PURE, SQL, "pure parts are tested without a disk"),
    Never(PURE, LOOPS, "pure parts are tested without waiting; whoever calls them awaits"),
    Never(PURE, FRONT_ENDS, "pure parts also serve scripts and the server"),
    Never(PURE, CHANCE, "clock and chance are handed in, so that each test decides them"),
    Never(PURE, MACHINE, "pure parts give the same result on every machine"),
    Never(ALL, HTTP, "one seam for HTTP, so that a back end is one page of code", ("engine.transport",)),
    Never(ALL, SQL, "one room for SQL, so that a table is one file and one migration", ("store",)),
    Never(ALL, ("IPython", "ipykernel"), "one room for IPython; scripts do without it", ("magics",)),
    Never(
        ALL,
        ("anywidget", "ipywidgets", "traitlets"),
        "views of ours are anywidgets, in one room",
        ("widgets",),
    ),
    Never(ALL, ("uvicorn",), "one way to listen, with one way to stop", ("engine.listener",)),
    Never(ALL, ("av",), "one room for frames and sound, behind one extra", ("engine.video",)),
    Never(ALL, ("mcp",), "one room for tools that other programs serve", ("engine.agent",)),
    Never(ALL, ("keyring",), "one room for secrets", ("engine.keys",)),
    Never(ALL, ("pickle", "marshal", "shelve", "dill"), "files are data; a pickle runs code"),
    Never(("widgets",), ("ve_magics.engine", "ve_magics.store"), "views know events, not who makes them"),
    Never(("engine.transport", "engine.config"), STARTERS, "they lie below the gateway"),
    Never(
        ("engine.gateway",), ("ve_magics.engine.session",), "a session uses the gateway, never the reverse"
    ),
    Never(TASKS, STARTERS, "they take callables, so that each is tested without the gateway"),
)

ENVIRONMENT_ROOMS = {
    "engine.config": "the one place that reads keys and settings",
}
SHARED_BY_DIALECTS = {
    "contract": "what a dialect is",
    "registry": "which dialects there are; it alone names them",
    "sse": "the event stream's framing",
    "reply": "one way from a reply's bytes to its values, and one name for what breaks on it",
    "failures": "what a status code means where the provider says no more",
    "fields": "one strictness and one wording for requests that came from outside",
    "extras": "one way for unknown fields to go through",
    "loose": "one forgiveness for the JSON that servers write",
    "nesting": "one bound on how deep JSON from outside may go",
    "data_urls": "one way for binary content to travel inside JSON",
    "openai_faults": "one error shape, whichever of OpenAI's formats is spoken",
    "openai_evidence": "one shape for what is cited and how likely it was, whichever of OpenAI's formats is spoken",
    "google_faults": "one error shape, whichever of Google's interfaces is spoken",
}
CONTRACTS = ("dialects.contract", "engine.transport.wire", "messages", "events", "jobs", "routing")
PROVIDER_NAMES = re.compile(
    r"^(openai|anthropic|gemini|google|vertex|azure|vectorengine|openrouter|deepseek|dashscope|moonshot|zhipu|volcengine"
    r"|siliconflow|mistral|groq|xai|together|ollama|lmstudio|vllm|llamacpp|runway|luma|kling|minimax|fal|replicate)$"
)
SHAPELESS = re.compile(r"^_?(utils?|helpers?|managers?|common|misc|stuff|base|core|shared)$")
SHAPELESS_CLASS = re.compile(r"(Manager|Helper|Utils?)$")
CODEC_SYNONYMS = re.compile(
    r"^(serialize|deserialize|serialise|deserialise|to_wire|from_wire|parse|dump|load)(_|$)"
)
LONGEST = 450
"""Lines of a module. A longer one holds two ideas."""


class Import(NamedTuple):
    """One import: who, whom, in which line."""

    source: str
    target: str
    line: int


def modules(package: Path) -> dict[str, Path]:
    """Return the files of a package by dotted name without the package's own: `engine.config`, and `__init__`."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)] = path
    return found


def room(name: str) -> str:
    """Return the part of the house in which a module lies."""
    return name.partition(".")[0]


def inside(name: str, scope: tuple[str, ...]) -> bool:
    """Return whether a dotted name is one of the names of the scope, or lies in one."""
    return any(not part or name == part or name.startswith(f"{part}.") for part in scope)


@cache
def parse(path: Path) -> ast.Module:
    """Return a module's syntax tree."""
    return ast.parse(path.read_text("utf-8"), str(path))


def imported(node: ast.AST, name: str, package: str, *, is_package: bool) -> Iterator[str]:
    """Yield the absolute names that one statement imports, in the longest form that it can mean."""
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            base = module or ""
            if level:
                parts = [package, *([] if name == "__init__" else name.split("."))]
                parts = parts[: len(parts) - level + is_package]
                base = ".".join([*parts, *([module] if module else [])])
            yield from (f"{base}.{alias.name}" for alias in names)
        case ast.Call(func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module")):
            if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                yield node.args[0].value


def imports(package: Path) -> list[Import]:
    """Return all imports of a package; names of its own modules are shortened to the module that is meant."""
    files = modules(package)
    found = []
    for name, path in files.items():
        for node in ast.walk(parse(path)):
            for target in imported(node, name, package.name, is_package=path.name == "__init__.py"):
                own = target.split(".")
                if own[0] == package.name:
                    while len(own) > 1 and ".".join(own[1:]) not in files.keys() | FLOORS.keys():
                        own.pop()
                found.append(Import(name, ".".join(own), getattr(node, "lineno", 0)))
    return found


def inner(package: Path) -> list[Import]:
    """Return the imports of a package's own modules, their targets without the package's name."""
    own = [(link, link.target.partition(".")) for link in imports(package)]
    return [link._replace(target=rest or "__init__") for link, (top, _, rest) in own if top == package.name]


def breaches_of_floors(package: Path) -> Iterator[str]:
    """Yield each room without a floor, and each import that does not go down."""
    for name in {room(name) for name in modules(package)} - FLOORS.keys():
        yield f"{name} has no floor: give it one in FLOORS"
    for source, target, line in inner(package):
        ends = (room(source), room(target))
        if ends[0] == ends[1] or ends in SIDEWAYS or not FLOORS.keys() >= {*ends}:
            continue
        if FLOORS[ends[0]] <= FLOORS[ends[1]]:
            yield f"{source}:{line} imports {target}: floor {FLOORS[ends[0]]} on {FLOORS[ends[1]]}"


def breaches_of_face(package: Path) -> Iterator[str]:
    """Yield each module that imports the package's face instead of the part that it needs."""
    for source, target, line in inner(package):
        if (
            target == "__init__"
            and FLOORS.get(room(source), 0) < 7
            and (room(source), target) not in SIDEWAYS
        ):
            yield f"{source}:{line} imports the face; import the module that defines what you need"


def breaches_of_nevers(package: Path) -> Iterator[str]:
    """Yield each import that a row of the table forbids, with the row's reason."""
    for source, target, line in imports(package):
        for never in NEVERS:
            if (
                inside(source, never.scope)
                and not inside(source, never.room)
                and inside(target, never.forbidden)
            ):
                yield f"{source}:{line} imports {target}: {never.reason}"


def circles(package: Path) -> Iterator[str]:
    """Yield circles of imports, lazy ones included: a circle means that two modules are one."""
    links: dict[str, set[str]] = {}
    for source, target, _ in inner(package):
        if source != target:
            links.setdefault(source, set()).add(target)
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> Iterator[str]:
        if name in way:
            yield " -> ".join([*way[way.index(name) :], name])
        elif name not in done:
            for target in sorted(links.get(name, ())):
                yield from walk(target, [*way, name])
            done.add(name)

    for name in sorted(links):
        yield from walk(name, [])


def breaches_of_dialects(package: Path) -> Iterator[str]:
    """Yield each dialect that imports another one, and each shared piece that knows a dialect."""
    for source, target, line in inner(package):
        ends = [*map(str.split, (source, target), "..")]
        if any(len(end) < 2 or end[0] != "dialects" for end in ends) or ends[0][1] == ends[1][1]:
            continue
        if ends[1][1] in SHARED_BY_DIALECTS.keys() - {"registry"} or ends[0][1] == "registry":
            continue
        yield f"{source}:{line} imports {target}: a dialect stands alone"


def breaches_of_environment(package: Path) -> Iterator[str]:
    """Yield each use of the process's environment outside its rooms."""
    for name, path in modules(package).items():
        if any(inside(name, (allowed,)) or name.startswith(f"{allowed}_") for allowed in ENVIRONMENT_ROOMS):
            continue
        for node in ast.walk(parse(path)):
            word = getattr(node, "attr", None) or (node.name if isinstance(node, ast.alias) else None)
            if word in {"environ", "environb", "getenv", "putenv"}:
                yield f"{name}:{getattr(node, 'lineno', 0)} reads the environment: engine/config does that"


def breaches_of_names(package: Path) -> Iterator[str]:
    """Yield names that say nothing, and codecs that say encode or decode in other words."""
    for name, path in modules(package).items():
        for part in name.split("."):
            if SHAPELESS.match(part):
                yield f"{name}: a module is named after its idea, not {part!r}"
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.ClassDef) and SHAPELESS_CLASS.search(node.name):
                yield f"{name}:{node.lineno} class {node.name}: say what it does"
            if room(name) != "dialects" or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if CODEC_SYNONYMS.match(node.name):
                yield f"{name}:{node.lineno} {node.name}: a codec's functions are encode_... and decode_..."


def breaches_of_contracts(package: Path) -> Iterator[str]:
    """Yield each string in a contract that names a provider."""
    for name, path in modules(package).items():
        if inside(name, CONTRACTS):
            for node in ast.walk(parse(path)):
                if isinstance(node, ast.Constant) and PROVIDER_NAMES.match(str(node.value).lower()):
                    yield f"{name}:{node.lineno} names the provider {node.value!r}: a provider is data"


def breaches_of_length(package: Path) -> Iterator[str]:
    """Yield each module that is too long."""
    for name, path in modules(package).items():
        count = len(path.read_text("utf-8").splitlines())
        if count > LONGEST:
            yield f"{name} has {count} lines, more than {LONGEST}"


Checker = Callable[[Path], Iterator[str]]
CHECKERS: tuple[Checker, ...] = (
    breaches_of_floors,
    breaches_of_face,
    breaches_of_nevers,
    circles,
    breaches_of_dialects,
    breaches_of_environment,
    breaches_of_names,
    breaches_of_contracts,
    breaches_of_length,
)


@pytest.mark.parametrize("checker", CHECKERS, ids=lambda checker: checker.__name__)
def test_the_house_keeps_its_rules(checker: Checker) -> None:
    """The package as it is breaks none of the rules."""
    assert [*checker(PACKAGE)] == []


def test_no_exception_outlives_its_need() -> None:
    """Each sideways import, each shared piece of the dialects and each room that a rule names is there and needed."""
    rooms = {(room(source), room(target)) for source, target, _ in inner(PACKAGE)}
    assert SIDEWAYS.keys() <= rooms
    names = modules(PACKAGE).keys()
    assert {f"dialects.{shared}" for shared in SHARED_BY_DIALECTS} <= names
    assert FLOORS.keys() == {room(name) for name in names}
    used = imports(PACKAGE)
    for never in NEVERS:
        for allowed in never.room:
            assert any(
                inside(link.source, (allowed,)) and inside(link.target, never.forbidden) for link in used
            ), f"{allowed} does not import {never.forbidden}"


def build(folder: Path, files: dict[str, str]) -> Path:
    """Write a made-up package and return its folder."""
    package = folder / "ve_magics"
    for name, text in {"__init__.py": "", **files}.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return package


BROKEN: tuple[tuple[Checker, dict[str, str], str], ...] = (
    (breaches_of_floors, {"attic.py": ""}, "attic has no floor"),
    (breaches_of_floors, {"events.py": "import ve_magics.engine"}, "events:1 imports"),
    (
        breaches_of_floors,
        {"store/a.py": "def f():\n    from ..engine import b", "engine/b.py": ""},
        "store.a:2 imports",
    ),
    (breaches_of_floors, {"messages.py": "from ve_magics import jobs", "jobs.py": ""}, "floor 2 on 2"),
    (
        breaches_of_face,
        {"magics/chat/cell.py": "from ve_magics import VectorEngineClient"},
        "imports the face",
    ),
    (breaches_of_face, {"client.py": "from . import Anything"}, "imports the face"),
    (
        breaches_of_nevers,
        {"routing.py": "if TYPE_CHECKING:\n    import asyncio"},
        "routing:2 imports asyncio",
    ),
    (breaches_of_nevers, {"dialects/x.py": "from os import path"}, "imports os.path"),
    (
        breaches_of_nevers,
        {"magics/x.py": "import importlib\nimportlib.import_module('httpx')"},
        "one seam for HTTP",
    ),
    (
        breaches_of_nevers,
        {"engine/video/x.py": "from ..gateway import G", "engine/gateway.py": ""},
        "they take callables",
    ),
    (
        circles,
        {"engine/a.py": "from . import b", "engine/b.py": "def f():\n    from . import a"},
        "engine.a -> engine.b",
    ),
    (breaches_of_dialects, {"dialects/a.py": "from .b import x", "dialects/b.py": ""}, "stands alone"),
    (
        breaches_of_dialects,
        {"dialects/sse.py": "from . import b", "dialects/b/__init__.py": ""},
        "stands alone",
    ),
    (breaches_of_environment, {"magics/x.py": "import os\nos.environ['KEY']"}, "magics.x:2"),
    (breaches_of_environment, {"store/x.py": "from os import getenv"}, "store.x:1"),
    (breaches_of_names, {"engine/utils.py": ""}, "not 'utils'"),
    (breaches_of_names, {"engine/x.py": "class PoolManager: ..."}, "class PoolManager"),
    (breaches_of_names, {"dialects/x.py": "def parse_chunk(): ..."}, "parse_chunk"),
    (breaches_of_contracts, {"dialects/contract.py": "if name == 'OpenAI': ..."}, "names the provider"),
    (breaches_of_length, {"jobs.py": "x = 1\n" * 451}, "451 lines"),
)


@pytest.mark.parametrize(
    ("checker", "files", "expected"), BROKEN, ids=lambda value: getattr(value, "__name__", "")
)
def test_each_rule_can_be_broken(
    checker: Checker, files: dict[str, str], expected: str, tmp_path: Path
) -> None:
    """Each checker finds the breach in a package that was made to break it."""
    assert any(expected in breach for breach in checker(build(tmp_path, files)))


def test_every_checker_is_shown_to_fail() -> None:
    """No checker is left without a package that breaks it."""
    assert {checker for checker, _, _ in BROKEN} == {*CHECKERS}


@pytest.mark.parametrize("never", NEVERS, ids=lambda never: never.reason)
def test_each_never_can_be_broken(never: Never, tmp_path: Path) -> None:
    """Each forbidden import is found, and is allowed in the room that the row names."""
    scope = never.scope[0] or "client"
    package = build(tmp_path / "bad", {f"{scope.replace('.', '/')}/x.py": f"import {never.forbidden[0]}"})
    (package / "engine").mkdir(exist_ok=True)
    for own in never.forbidden:
        if own.startswith("ve_magics."):
            path = package / own.partition(".")[2].replace(".", "/")
            path.mkdir(parents=True, exist_ok=True)
            (path / "__init__.py").touch()
    assert any(never.reason in breach for breach in breaches_of_nevers(package))
    for allowed in never.room:
        package = build(
            tmp_path / allowed, {f"{allowed.replace('.', '/')}.py": f"import {never.forbidden[0]}"}
        )
        assert not any(never.reason in breach for breach in breaches_of_nevers(package))


def test_what_is_allowed_is_not_reported(tmp_path: Path) -> None:
    """A package that keeps the rules, with imports of every form, has no breach."""
    files = {
        "errors.py": "class WireError(Exception): ...",
        "messages.py": "from .errors import WireError",
        "dialects/__init__.py": "",
        "dialects/sse.py": "def decode(): ...",
        "dialects/messages/__init__.py": "from .encode import encode_request",
        "dialects/messages/encode.py": "from .. import sse\nfrom ...errors import WireError\ndef encode_request(): ...",
        "dialects/registry.py": "from . import messages",
        "engine/__init__.py": "",
        "engine/config.py": "import os\nKEYS = os.environ",
        "engine/transport/pool.py": "import httpx",
        "engine/session.py": "def start():\n    from ve_magics.engine.transport import pool",
        "cli.py": "def main():\n    from ve_magics import server",
        "server.py": "from ve_magics.engine.session import start",
        "__main__.py": "from ve_magics.cli import main",
    }
    package = build(tmp_path, files)
    assert [breach for checker in CHECKERS for breach in checker(package)] == []
