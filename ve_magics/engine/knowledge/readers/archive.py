"""Office files are zip archives of XML; both can be made to explode, so every size is bounded and no entity is read."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple
from xml.parsers import expat

from ve_magics.engine.knowledge.readers.blocks import UnreadableError

MOST_PART = 64 * 1024 * 1024
"""Most bytes of one unpacked part."""
MOST_WHOLE = 256 * 1024 * 1024
"""Most bytes of all parts that are read."""
_DEEPEST = 400
_ENCRYPTED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""What a password makes of an office file: an old container around it. Older office files begin so, too."""


class Tag(NamedTuple):
    """The begin of an element (`opens`), its end, or words (where `name` is empty).

    Attributes:
        name: Without its namespace.
        attributes: Likewise without theirs; empty at an end.
    """

    name: str = ""
    opens: bool = False
    attributes: Mapping[str, str] = MappingProxyType({})
    text: str = ""


class Archive:
    """An office file.

    Args:
        data: Its bytes.

    Raises:
        UnreadableError: It is encrypted or no such file.
    """

    def __init__(self, data: bytes) -> None:
        if data.startswith(_ENCRYPTED):
            raise UnreadableError("it is encrypted or in an old format: save it anew without a password")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
            raise UnreadableError(f"it is broken ({error})") from None
        self._left = MOST_WHOLE

    @property
    def names(self) -> list[str]:
        """The names of its parts."""
        return self._zip.namelist()

    def part(self, name: str) -> bytes:
        """Return one part's bytes; none where it isn't there.

        Raises:
            UnreadableError: It is broken, encrypted, or larger than what is taken.
        """
        most = min(MOST_PART, self._left)
        try:
            with self._zip.open(name) as part:
                data = part.read(most + 1)
        except KeyError:
            return b""
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            RuntimeError,
            OSError,
            ValueError,
        ):
            raise UnreadableError("it is broken or encrypted") from None
        if len(data) > most:
            raise UnreadableError(f"it unpacks to more than {MOST_PART >> 20} MiB")
        self._left -= len(data)
        return data

    def tags(self, name: str) -> Iterator[Tag]:
        """Yield the elements and words of a part in order; nothing where it isn't there.

        Raises:
            UnreadableError: It is no XML, holds a document type (no office file does), or is nested too deep.
        """
        data = self.part(name)
        if not data:
            return
        found: list[Tag] = []
        parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True
        depth = 0

        def begin(tag: str, attributes: dict[str, str]) -> None:
            nonlocal depth
            depth += 1
            if depth > _DEEPEST:
                raise UnreadableError("its XML is nested too deep")
            found.append(Tag(_local(tag), True, {_local(key): value for key, value in attributes.items()}))

        def end(tag: str) -> None:
            nonlocal depth
            depth -= 1
            found.append(Tag(_local(tag)))

        def refuse(*_: object) -> None:
            raise UnreadableError("its XML declares a document type, which no office file does")

        parser.StartElementHandler = begin
        parser.EndElementHandler = end
        parser.CharacterDataHandler = lambda text: found.append(Tag(text=text))
        parser.StartDoctypeDeclHandler = refuse
        parser.EntityDeclHandler = refuse
        try:
            for at in range(0, len(data), 65_536):
                parser.Parse(data[at : at + 65_536], False)
                yield from found
                found.clear()
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise UnreadableError(f"its XML is broken ({error})") from None
        yield from found


def _local(name: str) -> str:
    return name.rpartition("}")[2]
