"""`%ve recording`: what the recording holds, what changed in it since it was opened, and what nobody used."""

from __future__ import annotations

from ve_magics.engine.recording import Recording
from ve_magics.engine.session import Session
from ve_magics.engine.uses import report
from ve_magics.errors import ArgumentsError
from ve_magics.magics.plain import show_text

USAGE = "%ve recording [prune]"


def recording(session: Session, words: list[str]) -> None:
    """Run `%ve recording`.

    Raises:
        ArgumentsError: The line is not understood, or there is nothing to prune by.
        RecordingError: The recording can't be read.
        StoreError: It can't be written.
    """
    found = opened(session)
    match words:
        case []:
            if not found:
                show_text("Nothing is recorded or replayed. %ve record begins to.")
                return
            show_text("\n".join(line for one in found for line in told(one)))
        case ["prune"]:
            if not any(one.used for one in found):
                raise ArgumentsError(
                    "Nothing of the recording was used yet, so all of it would be dropped.",
                    hint="Run the whole notebook with %ve record or %ve replay first.",
                )
            lines = []
            for one in found:
                unused = one.unused
                one.prune()
                lines += [f"{one.path.name}: {len(unused)} dropped", *(f"  {use.title}" for use in unused)]
            show_text("\n".join(lines))
        case _:
            raise ArgumentsError("%ve recording does not understand that.", hint=f"Usage: {USAGE}")


def opened(session: Session) -> list[Recording]:
    """Return the recordings that are in use."""
    return [] if session.mode == "off" else session.replays


def told(one: Recording) -> list[str]:
    """Return the lines that say what became of a recording's entries since it was opened."""
    first, *rest = report(one.used.values(), one.unused)
    return [f"{one.path.name}: {first}", *rest]
