"""Documents read in a process of their own where they could hold up or take down the kernel.

A PDF is read by native code, an office file unpacks, and a large text can be made so that it takes hours. What happens
there happens to that process: it is ended when its time is up, and the next document gets a new one. Small texts are
read at once, on a thread.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, Any, NamedTuple, TypeVar

import msgspec

from ve_magics.engine.knowledge.chunking import passages
from ve_magics.engine.knowledge.readers import choice
from ve_magics.engine.knowledge.readers.blocks import UnreadableError
from ve_magics.errors import UserError
from ve_magics.store.knowledge import Passage

SECONDS = 60.0
"""What any document may take."""
SECONDS_PER_MIB = 2.0
"""What it may take besides for its size."""
MEMORY = 4 << 30
"""Bytes that the process may take, where the system can hold it to that."""
_LENGTH = 8
_Value = TypeVar("_Value")


class Content(msgspec.Struct, frozen=True):
    """What a document holds.

    Attributes:
        passages: Without its name and source.
        title: What it calls itself.
        note: What is worth telling about how it was read.
        unreadable: Why it could not be read; empty where it was.
    """

    passages: list[Passage] = []
    title: str = ""
    note: str = ""
    unreadable: str = ""


class _Order(NamedTuple):
    name: str
    media_type: str
    seconds: float
    data: bytes


def content_of(data: bytes, name: str, media_type: str = "") -> Content:
    """Return what a document holds, or why it can't be read: no document raises anything."""
    try:
        reading = choice.read(data, name, media_type)
        return Content(passages(reading.blocks), reading.title, reading.note)
    except UnreadableError as error:
        return Content(unreadable=str(error))
    except UserError as error:  # a reader that isn't installed
        return Content(unreadable=f"{error.message} {error.hint}".strip())
    except (RecursionError, MemoryError) as error:
        return Content(unreadable=f"it is more than can be read ({type(error).__name__}): split it")
    except Exception as error:  # noqa: BLE001 - a reader that fails fails for one document, and the rest is read
        said = " ".join(str(error).split())[:120]
        why = f"its reader failed on it ({type(error).__name__}: {said}); it may be damaged: save it anew"
        return Content(unreadable=why)


class Readers:
    """What reads documents during one build; the process begins with the first document that needs it.

    Args:
        seconds: What any document may take.
        command: Begins the process; None where there can be none, and all is read on threads.
    """

    def __init__(self, *, seconds: float = SECONDS, command: Sequence[str] | None = None) -> None:
        self._seconds = seconds
        self._command = _command() if command is None else tuple(command)
        self._process: subprocess.Popen[bytes] | None = None

    async def read(self, data: bytes, name: str, media_type: str = "") -> Content:
        """Return what a document holds, or why it can't be read.

        Args:
            data: Its bytes.
            name: Its file name.
            media_type: What the server said that it is, for a page.
        """
        if choice.at_once(data, name, media_type):
            return await in_thread(content_of, data, name, media_type)
        process = self._begun()
        if process is None:
            return await in_thread(content_of, data, name, media_type)
        seconds = self._seconds + SECONDS_PER_MIB * len(data) / 2**20
        order = _Order(name, media_type, seconds, data)
        asked = asyncio.ensure_future(asyncio.to_thread(_asked, process, order))
        try:
            answer = await asyncio.wait_for(asyncio.shield(asked), seconds)
        except TimeoutError:
            self.close()
            await asyncio.wait([asked])
            return Content(
                unreadable=f"reading it takes longer than {seconds:.0f} s: split it or save it anew"
            )
        except asyncio.CancelledError:
            self.close()
            await asyncio.wait([asked])
            raise
        if answer is None:
            self.close()
            return Content(unreadable="its reader broke down on it; it may be damaged: save it anew")
        return answer

    def _begun(self) -> subprocess.Popen[bytes] | None:
        if self._process is None and self._command:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - this interpreter, with code of our own
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,  # an interrupt of the kernel is the kernel's business
                )
            except OSError:
                self._command = ()
        return self._process

    def close(self) -> None:
        """End the process; another one begins where it is needed."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError, ValueError):
                        pipe.close()
            process.wait()


def _command() -> tuple[str, ...]:
    if not sys.executable:
        return ()
    path = [entry for entry in sys.path if entry]
    begin = f"import sys; sys.path[:] = {path!r}; from {__name__} import serve; serve()"
    return (sys.executable, "-I", "-c", begin)


def _asked(process: subprocess.Popen[bytes], order: _Order) -> Content | None:
    """Return what the process says; None where it breaks down."""
    if process.stdin is None or process.stdout is None:
        return None
    try:
        send(process.stdin, order)
        told = received(process.stdout)
        return None if told is None else msgspec.msgpack.decode(told, type=Content)
    except (OSError, ValueError, msgspec.DecodeError):  # it has ended, or was ended
        return None


def send(pipe: IO[bytes], value: Any) -> None:
    """Write a value with its length in front."""
    encoded = msgspec.msgpack.encode(value)
    pipe.write(len(encoded).to_bytes(_LENGTH, "big"))
    pipe.write(encoded)
    pipe.flush()


def received(pipe: IO[bytes]) -> bytes | None:
    """Return the next value as it was sent; None at the end."""
    head = pipe.read(_LENGTH)
    if len(head) < _LENGTH:
        return None
    size = int.from_bytes(head, "big")
    value = pipe.read(size)
    return value if len(value) == size else None


def serve() -> None:
    """Be the process: read what is asked for until nobody asks any more."""
    with suppress(ImportError, OSError, ValueError):  # not every system has limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    answer_all(sys.stdin.buffer, answers, getattr(signal, "alarm", lambda _: 0))


def answer_all(orders: IO[bytes], answers: IO[bytes], alarm: Callable[[int], Any]) -> None:
    """Answer orders until there are none.

    Args:
        orders: Where they come from.
        answers: Where the contents go.
        alarm: Ends the process after so many seconds, whatever it does: whoever asked may be gone by then. 0 is never.
    """
    while (told := received(orders)) is not None:
        order = msgspec.msgpack.decode(told, type=_Order)
        alarm(int(order.seconds) + 5)
        content = content_of(order.data, order.name, order.media_type)
        alarm(0)
        send(answers, content)


async def in_thread(function: Callable[..., _Value], *arguments: Any) -> _Value:
    """Run a function on a thread; a cancellation waits for its end, so that nothing is done afterwards."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
