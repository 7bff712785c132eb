"""`%ve`: what is in use and why, and how to change it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ve_magics.engine.keys import save_to_keyring
from ve_magics.engine.local import running_servers
from ve_magics.engine.models import living_models
from ve_magics.engine.session import Session
from ve_magics.errors import ArgumentsError, ConfigError, VeError
from ve_magics.magics.background import background
from ve_magics.magics.budget import budget
from ve_magics.magics.chat.answer import Answer
from ve_magics.magics.chat.conversation import conversation
from ve_magics.magics.knowledge.kb import kb
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.parser import nearest
from ve_magics.magics.plain import show_text
from ve_magics.magics.recorded import recording, told
from ve_magics.magics.usage import usage
from ve_magics.magics.video.jobs import jobs

USAGE = (
    "%ve [models [PROVIDER] | use MODEL | key PROVIDER | usage … | budget [AMOUNT | off] | cache [clear]"
    " | conversation … | kb … | jobs … | panel [NAME] | gallery | background … | wait | last | record [NAME]"
    " | recording [prune] | replay | live | reload | doctor]"
)


def ve(notebook: Notebook, line: str) -> Answer | None:
    """Run `%ve`, and return what the line asks for: the last answer, or None.

    Raises:
        VeError: The line is not understood, or what it asks for can't be done.
    """
    verb, *words = line.split() or [""]
    if verb in ("help", "-h", "--help"):
        show_text(inspect.getdoc(notebook.shell.find_line_magic("ve")) or USAGE)
        return None
    command = _COMMANDS.get(verb)
    if command is None:
        near = nearest(verb, _COMMANDS)
        hint = f"Did you mean %ve {near}? All commands: %ve help" if near else f"Usage: {USAGE}"
        raise ArgumentsError(f"%ve has no command {verb!r}.", hint=hint)
    return command(notebook, words)


def _show(rows: list[tuple[str, str]] | str) -> None:
    if isinstance(rows, str):
        text = rows
    else:
        width = max(len(name) for name, _ in rows)
        text = "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in rows)
    show_text(text)


def _status(notebook: Notebook, words: list[str]) -> None:
    _nothing_more("%ve", words)
    session = notebook.session
    config = session.config
    rows: list[tuple[str, str]] = []
    for kind in ("chat", "video"):
        chosen = config.default(kind)
        rows.append((kind, f"{chosen.model}  ({chosen.why})"))
        try:
            route = config.route(chosen.model)
        except VeError as error:
            rows.append(("", f"! {error.message} {error.hint}"))
            continue
        for target in route.targets:
            provider = config.provider(target.provider)
            keys = config.keys(provider.name)
            if provider.simulated:
                key = "simulated: answers are made up here, nothing is sent"
            elif keys:
                key = f"key from {keys[0].source}"
            else:
                key = (
                    "no key needed"
                    if provider.keyless
                    else f"NO KEY: set {next(iter(provider.key_names), '')}"
                )
            rows.append(("", f"→ {target} at {provider.host}, {key}"))
    keyed = [name for name in config.providers if config.keys(name)]
    rows.append(("keys", ", ".join(keyed) or "none; %ve key PROVIDER asks for one"))
    rows.append(
        ("configuration", ", ".join(str(path) for path in config.read_from) or f"none ({config.path})")
    )
    rows.append(("recording", _mode(session.mode, session)))
    total = session.ledger.totals(session=session.id)
    if total:
        one = total[0]
        unknown = f", {one.unknown} of unknown cost" if one.unknown else ""
        rows.append(
            (
                "this session",
                f"{one.calls - one.cached} calls, {one.input + one.output:,} tokens, ${one.cost:.4f}{unknown}",
            )
        )
    rows.append(("cache", f"{session.cache.size().entries} answers of this session"))
    if running := notebook.background.running:
        rows.append(("background", f"{len(running)} running: %ve background"))
    servers = notebook.portal.call(running_servers(session.gateway))
    rows += [
        ("running here", f"{server.provider} ({len(server.models)} models): %ve use {server.suggestion}")
        for server in servers
    ]
    rows += [("warning", warning) for warning in dict.fromkeys(session.warnings)]
    _show(rows)


def _mode(mode: str, session: Any) -> str:
    match mode:
        case "off":
            return "off"
        case "record":
            return f"writing to {session.recording.path.name}"
        case "replay":
            names = ", ".join(recording.path.name for recording in session.replays)
            return f"replaying from {names or 'nothing: no recording lies here'}; nothing is sent"
        case _:
            return "auto: recorded answers where there are some, live otherwise"


def _models(notebook: Notebook, words: list[str]) -> None:
    session = notebook.session
    config = session.config
    if words:
        _nothing_more("%ve models PROVIDER", words[1:])
        names = [words[0]]
        config.provider(words[0])
    else:
        names = [name for name, row in config.providers.items() if config.usable(name) and not row.local]
        names += [server.provider for server in notebook.portal.call(running_servers(session.gateway))]
    lines: list[str] = []
    for name in names:
        try:
            listed = notebook.portal.call(living_models(session.gateway, name))
        except VeError as error:
            if words:
                raise
            lines.append(f"{name}: {error.message}")
            continue
        lines.append(f"{name} ({len(listed)})")
        lines += [f"  {name}/{model}" for model in listed]
    routes = [f"  {name}" for name in config.names() if "/" not in name]
    if routes:
        lines += ["routes and aliases", *routes]
    _show("\n".join(lines))


def _use(notebook: Notebook, words: list[str]) -> None:
    if len(words) != 1:
        raise ArgumentsError("%ve use takes one model.", hint="For example: %ve use openai/gpt-5.4-mini")
    config = notebook.session.config
    route = config.route(words[0])
    kind = "video" if all(_makes_video(config, str(target)) for target in route.targets) else "chat"
    config.use(kind, words[0])
    _show(f"{kind}: {words[0]} → {', then '.join(str(target) for target in route.targets)}")


def _makes_video(config: Any, target: str) -> bool:
    name = target.partition("/")[2].lower()
    words = ("sora", "veo", "kling", "video", "film", "hailuo", "wan", "seedance", "runway", "ray-", "omni")
    return bool(config.provider(target.partition("/")[0]).video) and any(word in name for word in words)


def _key(notebook: Notebook, words: list[str]) -> None:
    save = "--save" in words
    words = [word for word in words if word != "--save"]
    if len(words) != 1:
        raise ArgumentsError(
            "%ve key takes one provider.", hint="For example: %ve key openai. Never type the key itself here."
        )
    config = notebook.session.config
    provider = config.provider(words[0])
    import getpass

    try:
        key = getpass.getpass(f"Key for {provider.name}: ").strip()
    except Exception:  # noqa: BLE001 - each front end without input has an error of its own
        variable = next(iter(provider.key_names), "its environment variable")
        raise ConfigError(
            "Nobody can type a key here.", hint=f"Set {variable} before the kernel starts."
        ) from None
    if not key:
        raise ArgumentsError("No key was typed.", hint="Nothing was changed.")
    config.hold_key(provider.name, key)
    if save and save_to_keyring(provider.name, key):
        kept = "in the system keyring."
    else:
        kept = "in memory until the kernel ends."
        if save:
            kept += (
                " It was not saved: no system keyring can be used here (pip install 've_magics[keyring]')."
            )
    _show(f"The key of {provider.name} is kept {kept}")


def _cache(notebook: Notebook, words: list[str]) -> None:
    session = notebook.session
    if words == ["clear"]:
        _show(f"{session.forget()} answers forgotten.")
        return
    _nothing_more("%ve cache [clear]", words)
    size = session.cache.size()
    _show(f"{size.entries} answers of this session, {size.bytes:,} bytes, used {size.hits} times.")


def _conversation(notebook: Notebook, words: list[str]) -> None:
    conversation(notebook.talks, notebook.directory, words)


def _record(notebook: Notebook, words: list[str]) -> None:
    session = notebook.session
    path = None
    if words:
        _nothing_more("%ve record NAME", words[1:])
        name = words[0] if words[0].endswith(".ipynb") else f"{words[0]}.ipynb"
        if "/" in name or "\\" in name:
            raise ArgumentsError(
                "%ve record takes a name, not a path.", hint="The recording lies beside the notebook."
            )
        path = session.directory / name
    before = session.mode
    if before == "record" and path in (None, session.notebook):
        recording(session, [])
        return
    try:
        session.set_mode("record", path)
    except VeError:
        session.mode = before
        raise
    _show(f"Recording to {session.recording.path.name}; {len(session.recording)} answers are in it.")


def _replay(notebook: Notebook, words: list[str]) -> None:
    _nothing_more("%ve replay", words)
    session = notebook.session
    before = _recorded(session)
    session.set_mode("replay")
    _show("\n".join([*before, f"Recording: {_mode('replay', session)}."]))


def _live(notebook: Notebook, words: list[str]) -> None:
    _nothing_more("%ve live", words)
    before = _recorded(notebook.session)
    notebook.session.set_mode("off")
    _show("\n".join([*before, "Answers come live and are not recorded."]))


def _recorded(session: Session) -> list[str]:
    """Return what changed in the recording that is being written."""
    return told(session.recording) if session.mode == "record" else []


def _recording(notebook: Notebook, words: list[str]) -> None:
    recording(notebook.session, words)


def _wait(notebook: Notebook, words: list[str]) -> None:
    _nothing_more("%ve wait", words)
    notebook.background.wait()


def _background(notebook: Notebook, words: list[str]) -> None:
    background(notebook.background, words)


def _last(notebook: Notebook, words: list[str]) -> Answer:
    _nothing_more("%ve last", words)
    if notebook.last is None:
        raise ArgumentsError("No answer has come yet.", hint="Ask: %%chat")
    return notebook.last


def _reload(notebook: Notebook, words: list[str]) -> None:
    _nothing_more("%ve reload", words)
    notebook.reload()
    _status(notebook, [])


def _panel(notebook: Notebook, words: list[str]) -> None:
    from ve_magics.magics.panel.panel import panel

    panel(notebook, words)


def _gallery(notebook: Notebook, words: list[str]) -> None:
    from ve_magics.magics.panel.gallery import gallery

    gallery(notebook, words)


def _doctor(notebook: Notebook, words: list[str]) -> None:
    _nothing_more("%ve doctor", words)
    from ve_magics.engine.doctor import examine

    findings = notebook.portal.call(examine(notebook.session))
    _show([("ok" if finding.good else "!!", finding.text) for finding in findings])


def _nothing_more(command: str, words: list[str]) -> None:
    if words:
        raise ArgumentsError(f"{command} takes nothing more than that.", hint=f"Usage: {USAGE}")


_COMMANDS: dict[str, Callable[[Notebook, list[str]], Answer | None]] = {
    "": _status,
    "models": _models,
    "use": _use,
    "key": _key,
    "usage": usage,
    "budget": budget,
    "cache": _cache,
    "conversation": _conversation,
    "record": _record,
    "recording": _recording,
    "replay": _replay,
    "live": _live,
    "jobs": jobs,
    "kb": kb,
    "panel": _panel,
    "gallery": _gallery,
    "background": _background,
    "wait": _wait,
    "last": _last,
    "reload": _reload,
    "doctor": _doctor,
}
