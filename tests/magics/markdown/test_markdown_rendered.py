"""Neutralised Markdown, read by the very parser that JupyterLab ships: whatever a model writes, no HTML comes out."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ve_magics.magics.markdown.markdown import neutralise

SCRIPT = Path(__file__).with_name("jupyterlab_markdown.js")
IMG = "<img src=x onerror=alert(1)>"
PIECES = [
    *(
        IMG,
        IMG,
        "<script>alert(1)</script>",
        '<a href="x">',
        "</a>",
        "<br>",
        "<!--",
        "-->",
        "<?",
        "<![CDATA[",
        "<",
        ">",
    ),
    *(
        "`",
        "`",
        "``",
        "```",
        "~",
        "~~",
        "~~~",
        "*",
        "**",
        "_",
        "__",
        "|",
        "#",
        "# ",
        "- ",
        "* ",
        "1. ",
        "14. ",
        "> ",
        "+",
        "=",
    ),
    *(
        "$",
        "$$",
        "$x$",
        "\\",
        "\\(",
        "\\)",
        "\\[",
        "\\]",
        "\\\\(",
        "\\\\)",
        "\\begin{a}",
        "\\end{a}",
        "{",
        "}",
        "\\<",
        "\\`",
        "\\$",
    ),
    *(
        "[",
        "](javascript:alert(1))",
        "](http://a.b/c)",
        "![",
        "](https://e.vil/x.png)",
        "[a]",
        "!",
        "(",
        ")",
        ":",
    ),
    *(
        "[a]: javascript:alert(1)",
        '[a]: http://x "',
        '"',
        "'",
        "http://a",
        "www.a.b",
        "https://a.b/?q=$x&y",
        "<https://a.b>",
    ),
    *(
        "\n",
        "\n",
        "\n\n",
        "\n\n",
        "\r\n",
        "\r",
        "\n```\n",
        "\n```html\n",
        "\n~~~\n",
        "  ",
        "    ",
        "\t",
        " ",
        "\n|---|\n",
        "|---|---|",
    ),
    *("|a|b|\n|-|-|\n", "\n| a | b |\n|---|---|\n|", "\n- ", "\n> ", "\n  ", "~~`", "`~~", " ~~a~~ "),
    *("a", "中", "：", "“", "---", "===", "&lt;", "&#60;", "&", "@@0@@", "@", "a@b.co", "`a`", "\u200b"),
]
TAGS = {
    *(
        "p",
        "em",
        "strong",
        "code",
        "pre",
        "a",
        "img",
        "br",
        "hr",
        "ul",
        "ol",
        "li",
        "blockquote",
        "del",
        "input",
    ),
    *("h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"href", "title", "src", "alt", "class", "align", "start", "type", "checked", "disabled"}

Render = Callable[[Sequence[str]], list[dict[str, Any]]]


class _Active(HTMLParser):
    """Collects everything in HTML that a reader of an answer must never meet."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[object] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.found.append(tag)
        for name, value in attrs:
            address = value or ""
            scheme = re.match(r"\s*([a-z][\w+.\-]*):", address, re.IGNORECASE)
            if (
                name not in ATTRIBUTES
                or (
                    name == "href"
                    and scheme
                    and scheme[1].lower() not in ("http", "https", "mailto", "ftp", "tel")
                )
                or (
                    name == "src"
                    and not re.match(
                        r"data:image/(png|jpeg|gif|webp);base64,|attachment:|(?!/)[^:]*$", address
                    )
                )
            ):
                self.found.append((tag, name, value))

    def handle_comment(self, data: str) -> None:
        self.found.append(("comment", data))

    def handle_decl(self, decl: str) -> None:
        self.found.append(("declaration", decl))

    def handle_pi(self, data: str) -> None:
        self.found.append(("instruction", data))


@pytest.fixture(scope="module")
def render(require: Callable[[object, str], None]) -> Render:
    """Return what JupyterLab's parser makes of texts."""
    node = shutil.which("node")
    require(node, "no node")
    static = Path(sys.prefix) / "share" / "jupyter" / "lab" / "static"
    files = [
        (p, p.read_text(encoding="utf-8"))
        for p in sorted(static.glob("*.js"))
        if p.stat().st_size < 20_000_000
    ]
    parser = next((p for p, text in files if len(text) < 200_000 and "reflinkSearch" in text), None)
    core = next((p for p, text in files if "removeMath:()=>" in text), None)
    require(parser and core, "no JupyterLab beside this Python")

    def run(texts: Sequence[str]) -> list[dict[str, Any]]:
        done = subprocess.run(
            [str(node), str(SCRIPT), str(parser), str(core)],
            input=json.dumps(texts),
            capture_output=True,
            text=True,
            check=True,
        )
        rendered: list[dict[str, Any]] = json.loads(done.stdout)
        return rendered

    return run


def active(rendered: dict[str, Any]) -> list[object]:
    """Return what is active in a rendered text."""
    parser = _Active()
    parser.feed(rendered["html"])
    parser.close()
    return parser.found + [token for token in rendered["tokens"] if token[0] == "html" and token[1] != "<br>"]


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_no_mixture_of_hostile_pieces_becomes_active(render: Render, seed: int) -> None:
    """Thousands of texts made of HTML and everything that Markdown stumbles over render without active HTML."""
    chance = random.Random(seed)
    texts = []
    for _ in range(4000):
        pool = chance.sample(PIECES, chance.choice((6, 10, 16))) if chance.random() < 0.7 else PIECES
        texts.append(
            "".join(chance.choice([*pool, IMG]) for _ in range(chance.choice((4, 6, 9, 14, 22, 35))))
        )
    for text, rendered in zip(texts, render([neutralise(text) for text in texts]), strict=True):
        assert active(rendered) == [], text


def test_the_check_itself_sees_active_html(render: Render) -> None:
    """Without `neutralise` the same check does find something."""
    for rendered in render([IMG, "[a](javascript:alert(1))", "![a](https://e.vil/x.png)", "<!-- a -->"]):
        assert active(rendered)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("`<div>`", "<div>"),
        ("`` a`<b> ``", None),
        ("```html\n<div>\n  &lt; <b>\n```", "<div>\n  &lt; <b>"),
        ("~~~~\n```\n<i>\n```\n~~~~", "```\n<i>\n```"),
        ("1. a\n\n   ```html\n   <div>\n\n     x\n   ```", "<div>\n\n  x"),
        ("- a\n    ```js\n    a<b\n    ```", "a<b"),
        ("> q\n> ```\n> <i>\n> ```", "<i>"),
        ("text\n\n    <indented>\n\n    more", "<indented>\n\nmore"),
        ("| a |\n|---|\n| `<x>` |", "<x>"),
        ("```\nunclosed <b>", "unclosed <b>"),
        ("**bold** `x<y>` _a_ `List<int>`", "x<y>"),
        ("`Map<String, List<int>> | None`", "Map<String, List<int>> | None"),
        ("    echo $HOME <x>\ntext $5", "echo $HOME <x>"),
        ("- a\n  ```sh\n  echo $HOME <x>\n  ```\n  costs $5", "echo $HOME <x>"),
    ],
)
def test_code_is_shown_as_it_was_written(render: Render, text: str, code: str | None) -> None:
    """Spans, fences and indented blocks keep their characters, in lists, quotes and tables too."""
    (rendered,) = render([neutralise(text)])
    shown = [token[1] for token in rendered["tokens"] if token[0] in ("code", "codespan")]
    assert shown
    if code is not None:
        assert code in shown


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**粗体：**后文", "<strong>粗体：</strong>"),
        ("中文**“引号”**中文", "<strong>“引号”</strong>"),
        ("**`代码`**后文", "<strong><code>代码</code></strong>"),
        ("他说*“好。”*然后", "<em>“好。”</em>"),
        ("~~删除。~~后文", "<del>删除。</del>"),
        ("a < b and List<int>", "a &lt; b and List&lt;int&gt;"),
        ("3~5天，10~20元", "<p>3&#126;5天，10&#126;20元</p>"),
        ("见https://a.com/x，谢谢", '<a href="https://a.com/x">https://a.com/x</a>，谢谢'),
        ("[r][a]\n\n[a]: https://x.y 'T'", '<a href="https://x.y" title="T">r</a>'),
        ("| a | b |\n|---|---|\n| 1<br>2 | c |\n| a<br>b | c |", "<td>1<br>2</td>"),
        ("- [x] done\n- [ ] open", 'type="checkbox"'),
        ("a `x\ny` b", "<code>x y</code>"),
        ("- item\ngoes on", "<li>item\ngoes on</li>"),
        ("> quote\ngoes on", "<p>quote\ngoes on</p>\n</blockquote>"),
        ("- # head\nnext", "</ul>\n<p>next</p>"),
        ("- item\n> quote", "</ul>\n<blockquote>"),
        ("words\n| a | b |\n|---|---|\n| 1 | 2 |", "<p>words</p>\n<table>"),
        ("costs $5 and $6", "costs &#92;&#36;5 and &#92;&#36;6"),
        ("[文](路径/图 1.md)", "<p>&#91;文&#93;(路径/图 1.md)</p>"),
        ("[文](<路径/图 1.md>)", 'href="%E8%B7%AF%E5%BE%84/%E5%9B%BE%201.md"'),
    ],
)
def test_prose_looks_right(render: Render, text: str, html: str) -> None:
    """Emphasis beside Chinese letters, generics, ranges, prices, addresses, references and tables come out right."""
    (rendered,) = render([neutralise(text)])
    assert html in rendered["html"]


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("$a<b$", "$a\\lt b$"),
        ("\\(a<b\\)", "$a\\lt b$"),
        ("$$x$$", "$$x$$"),
        ("\\[\nx_1\n- y\n\\]", "$$\nx_1\n- y\n$$"),
        ("text\n$$\na & b\n$$\nmore", "$$\na &amp; b\n$$"),
        ("\\begin{align}\na &= b\n\\end{align}", "\\begin{align}\na &amp;= b\n\\end{align}"),
        ("1. so\n   $$\n   a\n   $$", "$$\n   a\n   $$"),
    ],
)
def test_formulas_stay_formulas(render: Render, text: str, formula: str) -> None:
    """Formulas in dollars, brackets and environments reach MathJax whole."""
    (rendered,) = render([neutralise(text)])
    assert formula in rendered["math"]
