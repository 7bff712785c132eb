"""A stranger's first command: the set-up script, the lock, and the coverage floors of the gate."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib import metadata
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REGISTRIES = tuple(".".join(words) for words in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org")))
"""Hosts that no file of the project names: where packages come from is the user's setting, not ours."""


def load(path: Path) -> ModuleType:
    """Load a Python file as a module, whatever its suffix."""
    loader = SourceFileLoader(f"loaded_{path.stem}", str(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


dev = load(ROOT / ".ci" / "dev")
gate = load(ROOT / ".ci" / "gate.py")


def pinned(lock: Path) -> dict[str, list[Requirement]]:
    """Return the requirements of a lock by name: more than one where Pythons differ."""
    found: dict[str, list[Requirement]] = {}
    for line in re.findall(r"^[a-z0-9].*?(?= \\$)", lock.read_text("utf-8"), re.MULTILINE):
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def tracked() -> list[Path]:
    """Return the files that a clone would hold."""
    run = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in run.stdout.split("\0") if name and (ROOT / name).is_file()]


# ----------------------------------------------------------------------------------------------------- lock


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_each_package_of_a_lock_is_pinned_by_version_and_hash(lock: Path) -> None:
    """No entry of a lock leaves open which file is installed, and none names an address or an option."""
    entries = re.split(
        r"\n(?=\S)", re.sub(r"^ *#.*\n?", "", lock.read_text("utf-8"), flags=re.MULTILINE).strip()
    )
    assert len(entries) == sum(map(len, pinned(lock).values())) > 0
    for entry in entries:
        assert re.match(r"[a-z0-9][a-z0-9._-]*==[^ ]+ ", entry), entry
        assert re.search(r"\n +--hash=sha256:[0-9a-f]{64}", entry), entry
        assert "://" not in entry


@pytest.mark.parametrize(
    ("name", "extras"), [("demo", {"lab", "video", "server"}), ("test", {"test"}), ("ipykernel6", set())]
)
def test_a_lock_holds_what_pyproject_asks_for(name: str, extras: set[str]) -> None:
    """A dependency that was added or raised in pyproject.toml is in the lock too."""
    locked = pinned(ROOT / "requirements" / f"{name}.txt")
    wanted = [
        *PROJECT["dependencies"],
        *(line for extra in extras for line in PROJECT["optional-dependencies"][extra]),
    ]
    for requirement in map(Requirement, wanted):
        if canonicalize_name(requirement.name) == "ve-magics":
            continue
        found = locked.get(canonicalize_name(requirement.name), [])
        versions = [next(iter(entry.specifier)).version for entry in found]
        assert versions, f"{requirement.name} is missing: python3 .ci/dev lock"
        assert all(requirement.specifier.contains(version) for version in versions), (
            f"{requirement} has {versions}"
        )


def test_the_demo_lock_is_part_of_the_test_lock() -> None:
    """After `dev test` nothing is left to install for `dev demo`: same packages, same versions."""
    smaller, larger = (pinned(ROOT / "requirements" / f"{name}.txt") for name in ("demo", "test"))
    for name, entries in smaller.items():
        assert {str(entry.specifier) for entry in entries} == {str(entry.specifier) for entry in larger[name]}


def test_the_older_kernel_is_locked_below_7() -> None:
    """The second environment holds ipykernel 6, which many installed Jupyters run."""
    (entry,) = pinned(ROOT / "requirements" / "ipykernel6.txt")["ipykernel"]
    assert Version("6.29") <= Version(next(iter(entry.specifier)).version) < Version("7")


def test_no_file_names_a_package_registry(require: Callable[[object, str], None]) -> None:
    """Where packages come from is the user's own setting; a file that named a host would override it."""
    require(shutil.which("git") and (ROOT / ".git").exists(), "not a git checkout")
    files = tracked()
    assert ROOT / "pyproject.toml" in files
    for path in files:
        text = path.read_bytes()
        assert not [host for host in REGISTRIES if host.encode() in text], path
        assert path.suffix != ".ipynb" or str(ROOT).encode() not in text, (
            f"{path} holds a path of this machine"
        )


def closure(names: list[str]) -> set[str]:
    """Return all packages that some packages need on this Python, themselves included."""
    found: set[str] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name not in found:
            found.add(name)
            for line in metadata.requires(name) or []:
                needed = Requirement(line)
                if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                    waiting.append(needed)
    return found


def test_the_base_install_is_small() -> None:
    """Beside ipykernel and ipywidgets, which a notebook user has, the package brings at most 12 others."""
    added = closure(PROJECT["dependencies"]) - closure(["ipykernel", "ipywidgets"])
    assert len(added) <= 12, sorted(added)


# -------------------------------------------------------------------------------------------------- .ci/dev


def test_old_pythons_can_read_the_script() -> None:
    """A Python that is too old gets as far as the sentence that says so."""
    source = (ROOT / ".ci" / "dev").read_text("utf-8")
    tree = ast.parse(source, feature_version=(3, 6))
    check = next(index for index, node in enumerate(tree.body) if isinstance(node, ast.If))
    before = [node for node in tree.body[:check] if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in before] == ["import sys"]


def test_the_script_needs_only_the_standard_library() -> None:
    """The script runs before anything is installed."""
    tree = ast.parse((ROOT / ".ci" / "dev").read_text("utf-8"))
    tops = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    tops |= {
        (node.module or "").partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    }
    assert tops <= sys.stdlib_module_names


def test_a_half_made_environment_is_made_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An interrupted set-up leaves its mark, and the next one starts over and says why."""
    venv = tmp_path / ".venv"
    dev.make_environment(venv)
    assert dev.why_unusable(venv) == "its set-up was interrupted"
    (venv / "left-over").touch()
    dev.make_environment(venv)
    assert not (venv / "left-over").exists()
    assert "interrupted" in capsys.readouterr().out
    (venv / "ve-setup.incomplete").unlink()
    assert dev.why_unusable(venv) is None


def test_an_environment_that_can_not_work_is_recognised(tmp_path: Path) -> None:
    """A missing Python, a folder that is no environment and a moved checkout are each named."""
    venv = tmp_path / ".venv"
    venv.mkdir()
    assert dev.why_unusable(venv) == "its Python does not run"
    Path(dev.program(venv, "python")).parent.mkdir()
    Path(dev.program(venv, "python")).symlink_to(sys.executable)
    assert dev.why_unusable(venv) == "it is not an environment"
    (venv / "ve-setup.json").write_text('{"folder": "/elsewhere/.venv"}')
    assert "another folder" in str(dev.why_unusable(venv))


def test_a_broken_stamp_counts_as_none(tmp_path: Path) -> None:
    """What the last set-up noted is read with care."""
    for text in ("", "[]", '{"test": '):
        (tmp_path / "ve-setup.json").write_text(text)
        assert dev.read_stamp(tmp_path) == {}


def test_a_failing_step_keeps_what_it_said(capsys: pytest.CaptureFixture[str]) -> None:
    """The end of a command's output is there to explain its failure, without credentials."""
    words = "print('looking at https://me:secret@host/simple'); raise SystemExit(3)"
    with pytest.raises(dev.StepError) as caught:
        dev.run_step("look", [sys.executable, "-c", words])
    assert caught.value.output == "looking at https://***@host/simple"
    assert "look: failed with exit code 3" in capsys.readouterr().out
    with pytest.raises(dev.StepError, match="look"):
        dev.run_step("look", [str(ROOT / "no-such-program")])


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("NewConnectionError: Failed to establish a new connection", "could not be reached"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "not the one that the lock names"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("something else", "same command again"),
    ],
)
def test_a_failure_says_what_to_do(output: str, advice: str) -> None:
    """Each way in which an installation usually fails has its own advice."""
    assert advice in dev.explain(dev.StepError("install", output))


def test_uv_is_told_what_pip_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror and a proxy that are set for pip serve uv too; what uv can't be told is left to pip."""
    listed = tmp_path / "listed.py"
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.delenv("ALL_PROXY", raising=False)
    listed.write_text("print(\"global.index-url='a'\\n:env:.index-url='b'\\nglobal.proxy='c'\")")
    env = dev.uv_environment([sys.executable, str(listed)])
    assert (env["UV_DEFAULT_INDEX"], env["ALL_PROXY"]) == ("b", "c")
    listed.write_text("print(\"global.trusted-host='a'\")")
    assert dev.uv_environment([sys.executable, str(listed)]) is None


def test_an_unknown_command_shows_the_commands() -> None:
    """Without a known command the script explains itself and fails."""
    run = subprocess.run([sys.executable, ROOT / ".ci" / "dev", "nonsense"], capture_output=True, text=True)
    assert run.returncode == 2
    assert "python3 .ci/dev demo" in run.stdout


# ----------------------------------------------------------------------------------------------------- gate


def test_the_gate_finds_what_is_not_covered() -> None:
    """A pure module must be covered whole, and the package as a whole to its floor."""

    def measured(percent: float, *missing: int) -> dict[str, object]:
        return {
            "summary": {"percent_covered": percent},
            "missing_lines": missing,
            "missing_branches": [[8, 9]],
        }

    files = {
        "ve_magics/errors.py": measured(99.0, 7),
        "ve_magics/routing/values.py": measured(100.0),
        "ve_magics/server.py": measured(50.0, 1, 2),
    }
    lines = gate.shortfalls({"files": files, "totals": {"percent_covered": 89.9}})
    assert lines == [
        "ve_magics/errors.py is pure and covered to 99.0 %, not 100 %; missing: 7, 8->9",
        "the whole package is covered to 89.9 %, not 90 %",
    ]
    assert gate.shortfalls({"files": {}, "totals": {"percent_covered": 90.0}}) == []


def test_the_gate_and_the_house_agree_on_what_is_pure() -> None:
    """The parts with the full coverage floor are the parts that may not touch clock, network or disk."""
    house = load(Path(__file__).with_name("test_architecture.py"))
    assert {*gate.PURE} == {*house.PURE}
