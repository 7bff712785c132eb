"""What a session asks for and gets in one piece: embeddings, pictures and ranks, each budgeted, booked and recorded.

Vectors and pictures lie as files in the recording's media folder; its text holds the request and their names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec

from ve_magics.catalog import Cost
from ve_magics.dialects.embeddings import EmbedRequest, EmbedResponse
from ve_magics.dialects.images import ImageRequest, ImageResponse
from ve_magics.dialects.rerank import RerankRequest, RerankResponse
from ve_magics.engine.books import Books
from ve_magics.engine.config import Config
from ve_magics.engine.recording import Mode, Recording
from ve_magics.engine.trace import Trace
from ve_magics.errors import ConfigError, RecordingError
from ve_magics.messages import Usage
from ve_magics.routing import Target
from ve_magics.store.ledger import Kind

Asked = TypeVar("Asked", bound=EmbedRequest | ImageRequest | RerankRequest)
Value = TypeVar("Value", bound=EmbedResponse | ImageResponse | RerankResponse)
Files = Sequence[bytes]
Contents = Sequence[tuple[str, bytes]]
_ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}


class Host(Protocol):
    """What is needed of a session."""

    mode: Mode
    books: Books
    config: Config

    @property
    def recording(self) -> Recording:
        """What is written to."""

    @property
    def replays(self) -> list[Recording]:
        """What is replayed from."""

    def lacks(self, cell: str) -> RecordingError:
        """Return the error for an answer that the recording lacks."""


class Shelf(Generic[Asked, Value]):
    """How the answers to one kind of request lie in a recording.

    Args:
        kind: What the books call it.
        name: Under which name an entry holds it.
        value: The answers' class.
        pack: Returns an answer without what its files hold, and the files: each its ending and its content.
        unpack: Returns the answer again.
    """

    def __init__(
        self,
        kind: Kind,
        name: str,
        value: type[Value],
        pack: Callable[[Value], tuple[Value, Contents]],
        unpack: Callable[[Value, Files], Value],
    ) -> None:
        self.kind: Kind = kind
        self._name = name
        self._value = value
        self._pack = pack
        self._unpack = unpack

    def key(self, request: Asked) -> str:
        """Return the digest by which the answer to a request is found again."""
        return hashlib.sha256(
            self.kind.encode() + b"\0" + msgspec.json.encode(request, order="sorted")
        ).hexdigest()

    def find(self, recording: Recording, key: str, trace: Trace, cell: str) -> Value | None:
        """Return the recorded answer, or None where there is none.

        Raises:
            RecordingError: The entry, or a file of it, can't be read.
        """
        bare = recording.entry(key, self._name, self._value, cell=cell)
        if bare is None:
            return None
        names = recording.entry(key, "files", list[str], optional=True) or []
        try:
            value = self._unpack(bare, [recording.file(name).read_bytes() for name in names])
        except (OSError, ValueError) as error:
            raise RecordingError(
                f"{recording.path.name}: the files of the entry {key[:8]} can't be read: {type(error).__name__}.",
                hint="Record the notebook again: %ve record",
            ) from None
        trace.source = "recording"
        trace.cost = recording.entry(key, "cost", Cost, optional=True) or Cost()
        try:
            trace.served = Target.parse(recording.entry(key, "served", str, optional=True) or "")
        except ConfigError:  # a recording says what it likes
            trace.served = None
        return value

    def keep(self, session: Host, key: str, request: Asked, value: Value, trace: Trace, cell: str) -> None:
        """Write an answer into the session's recording.

        Raises:
            StoreError: It can't be written.
        """
        bare, contents = self._pack(value)
        files = {f"{key[:12]}-{nth}.{ending}": content for nth, (ending, content) in enumerate(contents, 1)}
        facts = {
            "asked": msgspec.to_builtins(request),
            self._name: msgspec.to_builtins(bare),
            "served": str(trace.served or ""),
            "cost": msgspec.to_builtins(trace.cost),
            **({"files": list(files)} if files else {}),
        }
        session.recording.keep(key, facts, files=files, redactor=session.config.redactor, cell=cell)


def _pack_vectors(value: EmbedResponse) -> tuple[EmbedResponse, Contents]:
    packed = msgspec.msgpack.encode(value.vectors)
    return msgspec.structs.replace(value, vectors=()), (("vectors", packed),)


def _unpack_vectors(value: EmbedResponse, files: Files) -> EmbedResponse:
    vectors = msgspec.msgpack.decode(b"".join(files[:1]), type=tuple[tuple[float, ...], ...])
    return msgspec.structs.replace(value, vectors=vectors)


def _pack_images(value: ImageResponse) -> tuple[ImageResponse, Contents]:
    bare = tuple(msgspec.structs.replace(image, data=b"") for image in value.images)
    contents = [(_ENDINGS.get(image.media_type, "bin"), image.data) for image in value.images if image.data]
    return msgspec.structs.replace(value, images=bare), contents


def _unpack_images(value: ImageResponse, files: Files) -> ImageResponse:
    left = iter(files)
    images = tuple(
        image if image.url or image.file_id else msgspec.structs.replace(image, data=next(left, b""))
        for image in value.images
    )
    return msgspec.structs.replace(value, images=images)


def _pack_ranks(value: RerankResponse) -> tuple[RerankResponse, Contents]:
    return value, ()


def _unpack_ranks(value: RerankResponse, _: Files) -> RerankResponse:
    return value


VECTORS: Shelf[EmbedRequest, EmbedResponse]
VECTORS = Shelf("embedding", "vectors", EmbedResponse, _pack_vectors, _unpack_vectors)
PICTURES: Shelf[ImageRequest, ImageResponse]
PICTURES = Shelf("image", "pictures", ImageResponse, _pack_images, _unpack_images)
RANKS: Shelf[RerankRequest, RerankResponse]
RANKS = Shelf("rerank", "ranks", RerankResponse, _pack_ranks, _unpack_ranks)


async def ask(
    session: Host,
    shelf: Shelf[Asked, Value],
    request: Asked,
    most: Usage,
    send: Callable[[], Awaitable[Value]],
    trace: Trace,
    cell: str,
) -> Value:
    """Return the recorded answer where there is one, else ask, book and record.

    Args:
        session: Who asks.
        shelf: How such answers are recorded.
        request: What is asked.
        most: What it uses at most.
        send: Asks.
        trace: Written while it is asked.
        cell: What to call the cell in an error.

    Raises:
        RecordingError: The session replays and the recording lacks it, or it can't be read.
        BudgetError: It could pass a limit.
        StoreError: It can't be recorded.
    """
    key = shelf.key(request) if session.mode != "off" else ""
    if session.mode in ("auto", "replay"):
        for recording in session.replays:
            known = shelf.find(recording, key, trace, cell)
            if known is not None:
                served = str(trace.served or "")
                session.books.replay(key, served, known.usage, trace.cost, kind=shelf.kind)
                return known
    if session.mode == "replay":
        raise session.lacks(cell)
    if session.mode == "record":
        session.recording.check_writable()
        session.recording.expect(key)
    with session.books.reserved_for(request.model, most):
        try:
            value = await send()
            assert trace.served is not None, "an answer has been given by somebody"
            trace.cost = session.books.write(trace.served, value.usage, kind=shelf.kind)
        finally:
            for billed in trace.billed:
                session.books.write(
                    billed.target, msgspec.structs.replace(most, estimated=True), kind=shelf.kind
                )
    if session.mode == "record":
        shelf.keep(session, key, request, value, trace, cell)
    return value
