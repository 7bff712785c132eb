"""Cited answers as a cell shows them: numbers that lead to their sources, quoted words, passages to unfold.

All of it is Markdown that needs nothing to run, so that a saved notebook shows it to whoever opens it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from ve_magics.engine.knowledge.citing import Citation, Cited, marks
from ve_magics.engine.library import link_of
from ve_magics.magics.markdown.links import literal, safe_url
from ve_magics.magics.markdown.markdown import neutralise
from ve_magics.messages import ChatResponse, Choice, Text
from ve_magics.store.knowledge import Passage

UNVERIFIED = "⚠ unverified"
_DEFINITION = re.compile(r"^( {0,3}\[\d{1,3}\]):", re.MULTILINE)
_BEGIN, _END = "\ue000", "\ue001"
"""Stand around a number while its text is made safe; characters that no font has a meaning for."""
_PLACE = re.compile(f"[{_BEGIN}{_END}]")
_HELD = re.compile(f"{_BEGIN}(\\d+){_END}")
_LEADING = re.compile(r"^(?:[-+]|(\d+)([.)]))")
_LONGEST_QUOTE = 300


def bundle(cited: Cited, notes: Sequence[str] = ()) -> dict[str, str]:
    """Return what a cell's output holds for a cited answer.

    Args:
        cited: The answer, its citations checked.
        notes: What the reader should know about how it came about.
    """
    told = [*notes]
    if not cited.citations:
        told.insert(0, "Nothing is cited: this answer does not rest on the documents.")
    plain = [cited.text]
    markdown = [_linked(cited.text, cited.citations)]
    if cited.citations:
        plain.append("Sources\n" + "\n".join(_plain_source(one) for one in cited.citations))
        markdown.append("**Sources**\n\n" + "\n".join(_source(one) for one in cited.citations))
        shown = [one for one in cited.citations if one.passage is not None]
        if shown:
            markdown.append(
                "<details><summary>The passages</summary>\n\n"
                + "\n\n".join(_unfolded(one.number, one.passage) for one in shown if one.passage)
                + "\n\n</details>"
            )
    plain += [f"! {note}" for note in told]
    markdown += [f"*{literal(note)}*" for note in told]
    return {"text/markdown": "\n\n".join(markdown), "text/plain": "\n\n".join(plain)}


def worded(response: ChatResponse, text: str) -> ChatResponse:
    """Return a response whose words are these: the answer as it reads without its quotes."""
    if not response.choices:
        return response
    first = response.choices[0]
    others = tuple(part for part in first.message.parts if not isinstance(part, Text))
    message = msgspec.structs.replace(first.message, parts=(*others, Text(text)) if text else others)
    choices: tuple[Choice, ...] = (msgspec.structs.replace(first, message=message), *response.choices[1:])
    return msgspec.structs.replace(response, choices=choices)


def listed(passages: Sequence[Passage], notes: Sequence[str] = ()) -> dict[str, str]:
    """Return what a cell's output holds for the passages that a search has found."""
    plain = [f"[{number}] {one.place}\n{one.text}" for number, one in enumerate(passages, 1)]
    markdown = [_unfolded(number, one) for number, one in enumerate(passages, 1)]
    return {
        "text/markdown": "\n\n".join([*markdown, *(f"*{literal(note)}*" for note in notes)]),
        "text/plain": "\n\n".join([*plain, *(f"! {note}" for note in notes)]),
    }


def _linked(text: str, citations: Sequence[Citation]) -> str:
    """Return an answer as safe Markdown, its numbers leading to their sources, those that were not verified marked.

    The numbers are taken out while the text is made safe, for brackets side by side could mean a link.
    """
    by_number = {one.number: one for one in citations}
    text = _PLACE.sub("", _DEFINITION.sub(r"\1", text))
    out, at = [], 0
    for (begin, end), numbers in marks(text):
        held = "".join(f"{_BEGIN}{number}{_END}" for number in numbers)
        out += [text[at:begin], held]
        at = end
    safe = neutralise("".join([*out, text[at:]]))
    return _HELD.sub(lambda found: _mark(by_number.get(int(found[1]), Citation(int(found[1])))), safe)


def _mark(citation: Citation) -> str:
    link = _link(citation.passage)
    shown = f"&#91;{citation.number}&#93;"
    return (f"[{shown}]({link})" if link else shown) + ("" if citation.verified else "⚠")


def _link(passage: Passage | None) -> str:
    return (safe_url(link_of(passage)) or "") if passage is not None else ""


def _source(citation: Citation) -> str:
    passage = citation.passage
    if passage is None:
        return f"- &#91;{citation.number}&#93; {UNVERIFIED}: there is no passage of this number"
    link, place = _link(passage), literal(passage.place)
    said = f": “{literal(_quote(citation))}”" if citation.quotes else ""
    where = f"[{place}]({link})" if link else place
    return f"- &#91;{citation.number}&#93; {where}{said}{'' if citation.verified else f' — **{_doubt(citation)}**'}"


def _plain_source(citation: Citation) -> str:
    if citation.passage is None:
        return f"[{citation.number}] {UNVERIFIED}: there is no passage of this number"
    said = f": “{_quote(citation)}”" if citation.quotes else ""
    return f"[{citation.number}] {citation.passage.place}{said}{'' if citation.verified else f' — {_doubt(citation)}'}"


def _doubt(citation: Citation) -> str:
    if citation.quotes:
        return f"{UNVERIFIED}: these words are not in the passage"
    return f"{UNVERIFIED}: the model has not said which words it rests on"


def _quote(citation: Citation) -> str:
    said = " … ".join(" ".join(quote.split()) for quote in citation.quotes)
    return said if len(said) <= _LONGEST_QUOTE else said[: _LONGEST_QUOTE - 1] + "…"


def _unfolded(number: int, passage: Passage) -> str:
    """Return a passage as a quotation that nothing in it can get out of."""
    link, place = _link(passage), literal(passage.place)
    head = f"**&#91;{number}&#93; {f'[{place}]({link})' if link else place}**"
    if re.search(r"^(?: {2,}|\t|```|~~~)", passage.text, re.MULTILINE):
        fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", passage.text)), default=0))
        return f"{head}\n\n" + neutralise(f"{fence}text\n{passage.text}\n{fence}")
    lines = [_LEADING.sub(_escaped, literal(line.strip())) for line in passage.text.split("\n")]
    return f"{head}\n\n" + "\n".join(f"> {line}  " if line else ">" for line in lines)


def _escaped(found: re.Match[str]) -> str:
    """Write the begin of a line that would be an item of a list or underline a heading so that it is neither."""
    if found[1]:
        return f"{found[1]}&#{ord(found[2])};"
    return f"&#{ord(found[0])};"
