"""Looks for what is wrong: configuration, keys, network, store, and says what to do."""

from __future__ import annotations

import asyncio

import msgspec

from ve_magics.engine.models import living_models
from ve_magics.engine.session import Session
from ve_magics.errors import VeError


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    good: bool
    text: str


async def examine(session: Session) -> list[Finding]:
    """Look at everything that a request needs; sends one list-models request to each provider with a key."""
    config = session.config
    read = ", ".join(str(path) for path in config.read_from)
    findings = [Finding(True, f"configuration: {read or f'none at {config.path}, defaults hold'}")]
    for kind in ("chat", "video"):
        chosen = config.default(kind)
        try:
            route = config.route(chosen.model)
            for target in route.targets:
                config.key(target.provider)
        except VeError as error:
            findings.append(Finding(False, f"{kind}: {chosen.model}: {error.message} {error.hint}"))
        else:
            findings.append(Finding(True, f"{kind}: {chosen.model} ({chosen.why})"))
    findings += [Finding(False, f"key: {' '.join(fault.split())}") for fault in config.key_faults()]
    names = [name for name in config.providers if config.keys(name)]
    findings += await asyncio.gather(*(_provider(session, name) for name in names))
    try:
        session.cache.size()
    except VeError as error:
        findings.append(Finding(False, f"store: {error.message} {error.hint}"))
    else:
        findings.append(Finding(not session.warnings, f"store: {session.data}"))
    findings += [Finding(False, warning) for warning in dict.fromkeys(session.warnings)]
    return [*findings, *_recordings(session)]


def _recordings(session: Session) -> list[Finding]:
    if session.mode == "off":
        return []
    try:
        return [
            Finding(True, f"recording: {recording.path.name}, {len(recording)} answers")
            for recording in session.replays
        ]
    except VeError as error:
        return [Finding(False, f"recording: {error.message} {error.hint}".rstrip())]


async def _provider(session: Session, name: str) -> Finding:
    try:
        models = await living_models(session.gateway, name)
    except VeError as error:
        return Finding(False, f"{name}: {error.message} {error.hint}".rstrip())
    return Finding(True, f"{name}: answers, {len(models)} models")
