"""Where a model's links may lead, and how they are written."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import NamedTuple
from urllib.parse import quote

SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*:", re.IGNORECASE)
"""What an address begins with where it names how it is reached."""
_SCHEMES = {"http:", "https:", "mailto:", "ftp:", "tel:"}
_MEANINGFUL = re.compile(r"[!-,:-@\[-`{-~]|(?<=www)\.", re.IGNORECASE)


class Link(NamedTuple):
    """Where a reference leads."""

    url: str
    title: str


def label_of(text: str) -> str:
    """Return the form in which labels of references are compared."""
    return " ".join(text.split()).casefold()


def safe_url(url: str) -> str | None:
    """Return the address in plain ASCII as a link's target; None where it may not be one."""
    plain = html.unescape(html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", url)))
    plain = "".join(
        char for char in plain if unicodedata.category(char) not in ("Cc", "Cf", "Zl", "Zp", "Cs")
    ).strip()
    squeezed = re.sub(r"\s+", "", plain)
    if not squeezed or squeezed.startswith(("//", "\\")):
        return None
    scheme = SCHEME.match(squeezed)
    if scheme and scheme.group().lower() not in _SCHEMES:
        return None
    if not scheme and ":" in re.split(r"[/?#]", squeezed, maxsplit=1)[0]:
        return None
    return quote(plain, safe="!#%&+,-./:=?@_~").replace("@@", "@%40")


def literal(text: str) -> str:
    """Write every character that means something to Markdown or HTML as an entity."""
    return _MEANINGFUL.sub(lambda found: f"&#{ord(found.group())};", text)


def words(text: str) -> str:
    """Write text that stands on a page as `literal` does, so that no part of it becomes a formula either.

    The page's formulas are looked for in what was rendered, entities or not: a lone dollar sign is none, of several
    each is escaped, and an opening bracket is parted from its backslash by a space that nobody sees.
    """
    written = literal(text)
    if text.count("$") > 1:
        written = written.replace("&#36;", "&#92;&#36;")
    return re.sub(r"&#92;(?=&#(?:40|91);|begin)", "&#92;&#8203;", written)


def title_of(title: str) -> str:
    """Return a link's title as it stands behind its target, with the space before it; nothing where there is none."""
    plain = re.sub(r"\s+", " ", html.unescape(title)).strip()
    return f' "{literal(plain)}"' if plain else ""
