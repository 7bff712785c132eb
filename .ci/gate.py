"""Run all tests with coverage, and fail where a part of the package is tested less than its floor asks.

Needs the test environment; `python3 .ci/dev test` makes it and then runs this. Arguments go to pytest.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import coverage
import pytest

PURE = ("errors", "messages", "events", "providers", "routing", "jobs", "tools", "catalog", "dialects")
"""Parts without input or output: nothing hinders a test there, so every line and branch is reached by one."""
PURE_FLOOR = 100.0
WHOLE_FLOOR = 90.0


def shortfalls(report: dict[str, Any]) -> list[str]:
    """Return one line for each floor that is not reached, and what is missing.

    Args:
        report: What `coverage json` writes: `files` by path, and `totals`.
    """
    found = []
    for path, measured in sorted(report["files"].items()):
        parts = Path(path).with_suffix("").parts
        percent = measured["summary"]["percent_covered"]
        if len(parts) > 1 and parts[1] in PURE and percent < PURE_FLOOR:
            branches = [f"{start}->{end}" for start, end in measured.get("missing_branches", [])]
            missing = ", ".join(map(str, [*measured["missing_lines"], *branches][:12]))
            found.append(f"{path} is pure and covered to {percent:.1f} %, not 100 %; missing: {missing}")
    whole = report["totals"]["percent_covered"]
    if whole < WHOLE_FLOOR:
        found.append(f"the whole package is covered to {whole:.1f} %, not {WHOLE_FLOOR:.0f} %")
    return found


def read_report() -> dict[str, Any]:
    """Return the coverage of the run that has just ended."""
    measured = coverage.Coverage()
    measured.load()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "coverage.json")
        measured.json_report(outfile=str(path))
        report: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return report


class CoverageFloors:
    """The pytest plugin that looks at coverage once all tests have passed."""

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Print the figures before pytest's closing line, and turn a shortfall into a failure."""
        if exitstatus != pytest.ExitCode.OK:
            return
        report = read_report()
        terminal = session.config.pluginmanager.get_plugin("terminalreporter")
        assert terminal is not None, "pytest prints to a terminal"
        terminal.write_line("")
        for line in shortfalls(report):
            terminal.write_line(f"coverage: {line}", red=True)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        terminal.write_line(f"coverage: {report['totals']['percent_covered']:.1f} % of the package")


COVERAGE = ("--cov", "--cov-report=")
SLOW = "kernel or browser"
"""Marks of tests that start kernels or drive a screen; each file of them is run by one process, two at a time."""
ALONE = ("tests/kernel", "tests/engine/test_kill.py")
"""Where tests lie that measure time: nothing may run beside them."""


def run(arguments: list[str]) -> int:
    """Run the quick tests side by side, then the slow ones by file, then those that need the machine for themselves.

    After the last of them the coverage is looked at.

    Returns:
        The exit status: 0 where all tests passed and every floor is reached.
    """
    several = [sys.executable, "-m", "pytest", *arguments, *COVERAGE, "-n", "2"]
    print(f"Quick tests (not {SLOW}):", flush=True)
    status = subprocess.run([*several, "-m", f"not ({SLOW})"], check=False).returncode
    if status:
        return status
    print(f"Slow tests ({SLOW}), but for those that run alone:", flush=True)
    apart = [f"--ignore={place}" for place in ALONE]
    status = subprocess.run(
        [*several, "--cov-append", "--dist", "loadfile", "-m", SLOW, *apart], check=False
    ).returncode
    if status:
        return status
    print("Tests that run alone:", flush=True)
    alone = [*arguments, *COVERAGE, "--cov-append", "-m", SLOW, *ALONE]
    return int(pytest.main(alone, plugins=[CoverageFloors()]))


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
