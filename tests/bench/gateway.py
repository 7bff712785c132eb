"""The gateway in process, beside other clients: every one in a process of its own, in rounds that alternate.

    python -m tests.bench.gateway [--seconds 2] [--rounds 3] [--at-once 1 64 500]
        [--python litellm=/path/to/python] [--python tensorzero=...] [--python openai=...]

A client whose library the interpreter lacks is reported and left out; `--python` names one that has it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.bench.contestants import CONTESTANTS
from tests.bench.upstream import upstream

WORKER = Path(__file__).with_name("contestants.py")
BASES = ("aiohttp", "httpx")
"""What the others are compared with."""


class Contestant:
    """A client in a process of its own.

    Args:
        name: Which.
        python: The interpreter that has its library.
        url: Whom it asks.
    """

    def __init__(self, name: str, python: str, url: str) -> None:
        self._name = name
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [python, str(WORKER), name, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def ready(self) -> bool:
        """Wait until it has asked once; False where it can't."""
        while line := self._line():
            if line == "ready\n":
                return True
        return False

    def measure(self, stream: bool, at_once: int, seconds: float) -> dict[str, float]:
        """Have it work and return its figures."""
        assert self._process.stdin is not None
        print(
            json.dumps({"stream": stream, "at_once": at_once, "seconds": seconds}),
            file=self._process.stdin,
            flush=True,
        )
        while line := self._line():
            if line.startswith("{"):
                figures: dict[str, float] = json.loads(line)
                return figures
        self._said.seek(0)
        raise SystemExit(f"{self._name} ended in the middle of its work: {self._said.read().strip()[-500:]}")

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.communicate()
        self._said.close()


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 64, 500])
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--only", nargs="+", default=list(CONTESTANTS))
    options = parser.parse_args()
    pythons = dict(pair.split("=", 1) for pair in options.python)
    with upstream() as url, ExitStack() as stack:
        present: dict[str, Contestant] = {}
        for name in options.only:
            contestant = Contestant(name, pythons.get(name, sys.executable), url)
            stack.callback(contestant.close)
            if contestant.ready():
                present[name] = contestant
            else:
                print(f"{name} can't be run here", flush=True)
        for stream in (False, True):
            for at_once in options.at_once:
                rounds: dict[str, list[dict[str, float]]] = {name: [] for name in present}
                for _ in range(options.rounds):
                    for name, contestant in present.items():
                        rounds[name].append(contestant.measure(stream, at_once, options.seconds))
                table("streams" if stream else "whole", at_once, rounds)


def table(what: str, at_once: int, rounds: dict[str, list[dict[str, float]]]) -> None:
    """Print the medians of one kind of work."""
    print(f"\n{what}, {at_once} at once")
    print(f"{'':<16}{'per s':>8}{'per CPU s':>11}{'p50 ms':>9}{'p99 ms':>9}{'MB':>6}", end="")
    bases = [base for base in BASES if base in rounds]
    print("".join(f"{'x ' + base:>11}" for base in bases))
    for name, results in rounds.items():
        middle = {key: statistics.median(result[key] for result in results) for key in results[0]}
        print(
            f"{name:<16}{middle['rate']:>8.0f}{middle['per_cpu']:>11.0f}{middle['p50']:>9.2f}{middle['p99']:>9.2f}"
            f"{middle['mb']:>6.0f}",
            end="",
        )
        for base in bases:
            ratios = [a["per_cpu"] / b["per_cpu"] for a, b in zip(results, rounds[base], strict=True)]
            print(f"{statistics.median(ratios):>11.2f}", end="")
        print(flush=True)


if __name__ == "__main__":
    main()
