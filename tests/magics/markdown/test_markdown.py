"""A model's Markdown, made safe to display: the rewriting itself. How it renders is in test_markdown_rendered."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.magics.markdown.markdown import neutralise

MARKS = st.text(st.sampled_from("<>`~*_[]()!|#-+>\\$&:\n\t .1ab中：{}=\"'/@"), max_size=120)


@given(MARKS)
def test_no_tag_stands_outside_of_code(text: str) -> None:
    """Where there is no code at all, the only angle brackets left open links or break a table's line."""
    rewritten = neutralise(text.replace("`", "").replace("~~~", "").replace("\t", "").replace("    ", ""))
    if "```" not in rewritten:
        assert not re.search(r"<(?!https?:|ftp:|mailto:|br>)", rewritten), rewritten


@given(MARKS)
def test_every_fence_is_closed(text: str) -> None:
    """A text and what follows it can be put together: code that a model left open ends with its text."""
    assert (
        neutralise(text + "\n\n```\n<b>").endswith("\n<b>\n```")
        or "~~~" in text
        or "```" in text
        or "<b>" in text
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Plain words.",
        "## 标题\n\n**粗体：**后文 and `List<int>`.\n\n- a\n  - b\n    - c\n\n1. x\n2. y\n",
        "```python\nfor i in range(3):\n\tprint('<b>')\n```\n\nText\n",
        "> quote\n> with `code`\n\n---\n\n| a | b |\n| --- | ---: |\n| 1 | 2 |\n",
        "![plot](plot.png) ![d](data:image/png;base64,AAAA) [a](https://b.c/d?e=f#g)",
        "$$\na = b\n$$\n\nand $x^2$.",
        "Setext\n======\n\nhard  \nbreak",
    ],
)
def test_honest_text_is_not_changed(text: str) -> None:
    """What needs no change gets none, emphasis beside Chinese letters aside."""
    assert neutralise(text).replace("&#8203;", "") == text


@pytest.mark.parametrize(
    "text",
    [
        "<b>x</b> [l](javascript:a) ![i](https://a.b/c.png) https://a.b/c, www.d.e",
        "    indented <b>\n\n- a\n\n  ```js\n  a<b\n  ```\n\n> ```\n> <i>\n> ```",
        "**粗体：**后文 中文**“引号”**中文 $a<b$ \\[x\\] costs $5 and $6",
        "| `a | <img>` | b<br>c |\n|---|---|\n| x | `<y>` |",
        "[r][x] [x]\n\n[x]: https://a.b 'T'",
        '```html onload="x"\n<b>\n',
    ],
)
def test_rewriting_twice_changes_nothing_more(text: str) -> None:
    """What is safe already stays as it is."""
    assert neutralise(neutralise(text)) == neutralise(text)


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "java&#x0A;script:alert(1)",
        "javascript&colon;alert(1)",
        "&#106;avascript:alert(1)",
        "&amp;#106;avascript:alert(1)",
        "\\javascript:alert(1)",
        "\u200bjavascript:alert(1)",
        "vbscript:x",
        "data:text/html,<script>alert(1)</script>",
        "data:image/svg+xml;base64,AAAA",
        "file:///etc/passwd",
        "command:workbench.action.quit",
        "//evil.example/x",
    ],
)
@pytest.mark.parametrize("form", ["[a](<{}>)", "[a]({})", "![a](<{}>)", "[a][r]\n\n[r]: <{}>", "<{}>"])
def test_dangerous_targets_are_no_links(form: str, target: str) -> None:
    """A link whose target could run or read something stays the text that it was, however it is written."""
    rewritten = neutralise(form.format(target))
    assert not re.search(r"\]\((?!http)|<[a-z]|\]:|\]\[", rewritten, re.IGNORECASE), rewritten


def test_remote_pictures_become_links_unless_allowed() -> None:
    """A picture from elsewhere tells its server who reads; it is a link until the user allows it."""
    text = '![a cat](https://a.b/c.png "T") and [![badge](https://a.b/d.svg)](https://e.f)'
    assert neutralise(text) == "[picture: a cat](https://a.b/c.png) and [picture: badge](https://e.f)"
    assert neutralise("![](https://a.b/c.png)") == "[picture: c.png](https://a.b/c.png)"
    assert neutralise(text, remote_images=True).startswith('![a cat](https://a.b/c.png "T") and ')


@pytest.mark.parametrize(
    "source",
    [
        "plot.png",
        "out/图.png",
        "attachment:a.png",
        "data:image/png;base64,iVBORw0KGgo=",
        "data:image/webp;base64,AAAA",
    ],
)
def test_pictures_at_hand_stay(source: str) -> None:
    """Pictures that lie beside the notebook or in it are shown."""
    assert neutralise(f"![a]({source})").startswith("![a](")


@pytest.mark.parametrize(
    "source", ["/api/shutdown", "//a.b/c.png", "a:b.png", "data:image/svg+xml;base64,AAAA"]
)
def test_pictures_of_other_kinds_are_not_loaded(source: str) -> None:
    """An address on the server, another host or a drawing that can hold scripts is not loaded."""
    assert "![" not in neutralise(f"![a]({source})")


def test_a_diagram_that_could_reach_out_is_shown_as_text() -> None:
    """Mermaid diagrams stay; one with markup, links or directives is shown as its source."""
    assert neutralise("```mermaid\ngraph TD\nA-->B\n```").startswith("```mermaid\n")
    assert neutralise("```mermaid\ngraph TD\nA[<img src=x>]-->B\n```").startswith("```text\n")


def test_languages_of_code_are_plain_words() -> None:
    """What stands behind a fence reaches an attribute, so only words do."""
    assert neutralise('```py"><img src=x>\nx\n```') == "```py\nx\n```"
    assert neutralise("```python title=a\nx\n```") == "```python title=a\nx\n```"
    assert neutralise("```c++\nx\n```") == "```c++\nx\n```"


def test_nesting_without_end_is_cut() -> None:
    """A thousand quotes in each other are text from some depth on."""
    assert "<b" not in neutralise("> " * 1000 + "<b>")
    assert "<b" not in neutralise("- " * 1000 + "<b>")


def test_control_characters_are_shown_as_missing() -> None:
    """Control characters and lone surrogates, which no notebook file can hold, are replaced."""
    assert neutralise("a\x00b\x1b[31m\ud800") == "a\ufffdb\ufffd&#91;31m\ufffd" or "\x1b" not in neutralise(
        "a\x1b"
    )


def test_an_answer_that_is_all_marks_is_shown_as_it_came() -> None:
    """Beyond any text that could be read, the answer is one block of code."""
    text = "<b>`" * 40_000
    assert neutralise(text) == f"```text\n{text}\n```"


HOSTILE = [
    "`",
    "` ``",
    "[",
    "[](",
    "![a](",
    "<",
    "http://",
    "$a",
    "$$",
    "*a **",
    ">",
    "> > > a\n",
    "- ",
    "- a\n",
    "    a\n\n",
    "```\n",
    "~~~\n- ```\n",
    "\\",
    "\\begin{a}",
    "\\[",
    "|a|b\n",
    "|a|\n|-|\n",
    "[a]: b\n",
    '[a]:"',
    "[a][b]",
    "~",
    "www.",
    "\n",
    "[a](((",
    '[a](b "',
    "<http:a",
    "&#",
    "**中：**中",
    " ",
    "-",
    "\t- ",
    "$$\na\n",
    "`a\n",
    "[a](<",
    "1. ",
    "> - ",
    "a",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_is_in_proportion_to_the_text(piece: str) -> None:
    """No megabyte takes longer than a second or two, and four times the text no more than about four times as long."""
    short, long = piece * (12_000 // len(piece)), piece * (48_000 // len(piece))
    began = time.process_time()
    neutralise(piece * (1_000_000 // len(piece)))
    whole = time.process_time() - began
    assert whole < 2.5, whole
    first, second = min(_seconds(short) for _ in range(3)), min(_seconds(long) for _ in range(2))
    assert second < 10 * first + 0.05, (first, second)


def _seconds(text: str) -> float:
    began = time.process_time()
    neutralise(text)
    return time.process_time() - began
