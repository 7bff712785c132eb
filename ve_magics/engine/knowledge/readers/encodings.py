"""Bytes read as text: by their mark, as UTF-8, or in the older encoding that they fit, which is then named."""

from __future__ import annotations

import codecs
from contextlib import suppress

from ve_magics.engine.knowledge.readers.blocks import UnreadableError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OLD = ("gb18030", "shift_jis", "euc_jp", "big5", "euc_kr")
_PLAUSIBLE = 0.9
"""Share of the characters beyond ASCII that must be ordinary ones for an old encoding to be believed."""
_SAMPLE = 200_000
_KANA = range(0x3040, 0x3100)
_IDEOGRAPHS = range(0x4E00, 0xA000)
_HANGUL = range(0xAC00, 0xD7A4)
_MARKS_OF_EAST = frozenset("、。「」『』（），：；！？《》〈〉【】・ー—…“”‘’·〜％")
_COMMON = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方"
    "多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明"
    "性知全三又关点正业外将两高间由问很最重並這個們來為國時說會對後過發經麼學現當動開還進實無與長機關點業將間問請檔測試與資"
)


def decoded(data: bytes) -> tuple[str, str]:
    """Return a file's text, and the name of its encoding where it is not UTF-8.

    Raises:
        UnreadableError: It is no text in any encoding that is known here.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(name), "" if name == "utf-8-sig" else name
            except UnicodeDecodeError:
                raise UnreadableError(f"it is marked as {name} and is not") from None
    if b"\0" in data[:8192]:
        return _unmarked(data)
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        if error.start >= len(data) - 4 and len(data) > 1000:
            return data[: error.start].decode("utf-8"), "utf-8, cut off in its last character"
    fits = [(score, -at, name) for at, name in enumerate(_OLD) if (score := _plausible(data, name))]
    if fits:
        _, _, name = max(fits)
        return data.decode(name), name
    if _western(data):
        return data.decode("cp1252"), "cp1252"
    raise UnreadableError("it is no text in UTF-8, UTF-16, GB 18030, Big5, Shift JIS, EUC or Windows-1252")


def _unmarked(data: bytes) -> tuple[str, str]:
    """Return text in UTF-16 without a mark, which has a zero in every other byte where it is ASCII."""
    sample = data[:8192]
    for at, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if (
            len(data) % 2 == 0
            and sample[at::2].count(0) > 0.6 * len(sample[at::2])
            and not sample[1 - at :: 2].count(0)
        ):
            with suppress(UnicodeDecodeError):
                text = data.decode(name)
                if not any(ord(char) < 32 and char not in "\t\n\r\f" for char in text[:_SAMPLE]):
                    return text, name
    raise UnreadableError("it is a binary file")


def _plausible(data: bytes, name: str) -> float:
    """Return how likely bytes are text in an encoding; 0 where they are not."""
    try:
        text = data.decode(name)[:_SAMPLE]
    except (UnicodeDecodeError, ValueError):
        return 0.0
    beyond = [char for char in text if ord(char) > 127]
    if not beyond:
        return 0.0
    ordinary = sum(
        ord(char) in _KANA or ord(char) in _IDEOGRAPHS or ord(char) in _HANGUL or char in _MARKS_OF_EAST
        for char in beyond
    )
    if ordinary < _PLAUSIBLE * len(beyond):
        return 0.0
    ideographs = sum(ord(char) in _IDEOGRAPHS for char in beyond)
    match name:
        case "euc_kr" if ideographs > 0.15 * len(beyond):  # Chinese bytes look like a mixture
            return 0.0
        case "euc_kr":
            telling = sum(ord(char) in _HANGUL for char in beyond)
        case "shift_jis" | "euc_jp":
            telling = sum(ord(char) in _KANA for char in beyond)
            if telling < 0.2 * len(beyond):
                return 0.0
        case _:
            telling = sum(char in _COMMON for char in beyond)
    return ordinary / len(beyond) + telling / len(beyond)


def _western(data: bytes) -> bool:
    """Whether bytes look like a Western language in Windows-1252: mostly ASCII, the rest letters and quotes."""
    try:
        text = data.decode("cp1252")[:_SAMPLE]
    except UnicodeDecodeError:
        return False
    beyond = [char for char in text if ord(char) > 127]
    odd = sum(not char.isalpha() and char not in "“”‘’–—…•€£©®™°«»¿¡§ªº½¼¾±×·\xa0" for char in beyond)
    controls = sum(ord(char) < 32 and char not in "\t\n\r\f" for char in text)
    return len(beyond) < 0.3 * len(text) and odd * 10 <= len(beyond) and not controls
