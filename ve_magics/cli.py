"""The `ve-magics` command."""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ve_magics import __version__
from ve_magics.errors import VeError


def _demo(options: argparse.Namespace) -> int:
    from ve_magics.demo import run_demo

    return run_demo(options.folder)


def _lab(options: argparse.Namespace) -> int:
    from ve_magics.demo import open_lab

    return open_lab(options.folder, options.arguments)


def _sim(options: argparse.Namespace) -> int:
    from ve_magics.sim.serve import serve

    serve(options.host, options.port)
    return 0


def _serve(options: argparse.Namespace) -> int:
    from ve_magics.server import serve

    serve(options.host, options.port, config_file=options.config)
    return 0


def _jobs(options: argparse.Namespace) -> int:
    from ve_magics.jobs_cli import run_jobs

    return run_jobs(options)


def _bench(_: argparse.Namespace) -> int:
    from ve_magics.bench import report

    asyncio.run(report())
    return 0


def _doctor(_: argparse.Namespace) -> int:
    from ve_magics.engine.doctor import examine
    from ve_magics.engine.session import Session

    async def look() -> int:
        session = Session()
        try:
            findings = await examine(session)
        finally:
            await session.aclose()
        for finding in findings:
            print("ok " if finding.good else "!! ", finding.text)
        return 0 if all(finding.good for finding in findings) else 1

    return asyncio.run(look())


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else -1
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError(f"{text} is no port: a number from 0 to 65535")
    return port


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    top = argparse.ArgumentParser(
        prog="ve-magics", description="AI models, text and video, in a Jupyter notebook."
    )
    top.add_argument("--version", action="version", version=f"ve_magics {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="run the quickstart notebook here in the terminal")
    demo.add_argument(
        "--folder", type=Path, default=Path("demo"), help="where the results go (default: demo)"
    )
    demo.set_defaults(run=_demo)

    lab = commands.add_parser("lab", help="open the quickstart notebook in JupyterLab")
    lab.add_argument(
        "--folder", type=Path, default=Path("demo"), help="where the notebook goes (default: demo)"
    )
    lab.epilog = "All other arguments are passed on to jupyter lab."
    lab.set_defaults(run=_lab)

    serve = commands.add_parser(
        "serve", help="serve all models over HTTP to any OpenAI, Anthropic or Gemini client"
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1)")
    serve.add_argument("--port", type=_port, default=8700, help="port; 0 takes a free one (default: 8700)")
    serve.add_argument("--config", type=Path, help="configuration file instead of the user's own")
    serve.set_defaults(run=_serve)

    sim = commands.add_parser("sim", help="serve the simulated providers over HTTP")
    sim.add_argument("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1)")
    sim.add_argument("--port", type=_port, default=8765, help="port; 0 takes a free one (default: 8765)")
    sim.set_defaults(run=_sim)

    jobs = commands.add_parser("jobs", help="list, watch, resume, cancel and settle video jobs")
    jobs.add_argument(
        "words",
        nargs="*",
        metavar="ORDER",
        help="list (default), watch, show ID, resume ID|all, cancel ID, settle ID [PROVIDER_ID|again|never], retry ID,"
        " forget ID",
    )
    jobs.add_argument("--json", action="store_true", help="print the jobs as JSON")
    jobs.add_argument(
        "--forget", action="store_true", help="with cancel: stop waiting where the provider can't stop it"
    )
    jobs.set_defaults(run=_jobs)

    bench = commands.add_parser("bench", help="measure what the gateway costs on this machine")
    bench.set_defaults(run=_bench)

    doctor = commands.add_parser("doctor", help="look for what is wrong")
    doctor.set_defaults(run=_doctor)
    return top


def _speak_any_language() -> None:
    """Let what the terminal or the pipe has no character for show as a question mark instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    _speak_any_language()
    top = parser()
    options, others = top.parse_known_args(arguments)
    if others and options.command != "lab":
        top.error(f"unrecognized arguments: {' '.join(others)}")
    options.arguments = others
    try:
        status: int = options.run(options)
        if sys.stdout is not None:  # a program without a window, or a shell's >&-, may have none
            sys.stdout.flush()
    except BrokenPipeError:  # whoever read has seen enough, as in `ve-magics jobs | head`
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # Python flushes it once more at the end
        return 141
    except (VeError, OSError) as error:
        print(f"ve-magics: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return status
