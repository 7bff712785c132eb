"""Explains errors of Python, and corrects the cell where the error itself tells how."""

from __future__ import annotations

import builtins
import difflib
import re
from typing import NamedTuple

from ve_magics.sim.answers.question import Question

_ERROR = re.compile(
    r"^(?P<name>[A-Z]\w*(?:Error|Exception|Iteration|Interrupt))(?::[ \t]*(?P<said>[^\n]*))?$", re.MULTILINE
)
_ASKED = re.compile(
    r"\b(?:explain|fix|correct|solve|repair|debug|wrong|why|what)\b|解释|修正|修复|改正|纠正|怎么|为什么|错在",
    re.IGNORECASE,
)
_FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL)
_LINE = re.compile(r"\bline (\d{1,6})\b")
_QUOTED_NUMBER = re.compile(r"([\"'])(-?\d{1,15}(?:\.\d{1,15})?)\1")


class Meaning(NamedTuple):
    """What an error means and what to try, in English and in Chinese."""

    english: str
    chinese: str
    english_try: str
    chinese_try: str


MEANINGS: dict[str, Meaning] = {
    "NameError": Meaning(
        "the code uses a name that nothing was assigned to",
        "代码用到了一个还没有赋值的名字",
        "Check the spelling, and run the cell that defines it first.",
        "检查拼写，并先运行定义它的单元格。",
    ),
    "TypeError": Meaning(
        "an operation got a value of a type that it can't work with",
        "运算得到了它不能处理的类型",
        "Look at the types with `type(...)` and convert the value first.",
        "用 `type(...)` 看看类型，先转换再运算。",
    ),
    "ValueError": Meaning(
        "the type is right, but the value itself makes no sense here",
        "类型没错，但这个值在这里没有意义",
        "Print the value just before this line.",
        "在这一行之前把这个值打印出来看看。",
    ),
    "KeyError": Meaning(
        "the dictionary holds no such key",
        "字典里没有这个键",
        "Look at the keys with `list(d)`, or use `d.get(key)` where it may be missing.",
        "用 `list(d)` 看看有哪些键；可能缺少时用 `d.get(key)`。",
    ),
    "IndexError": Meaning(
        "the position lies beyond the end of the sequence",
        "下标超出了序列的末尾",
        "Positions run from 0 to `len(values) - 1`.",
        "下标从 0 到 `len(values) - 1`。",
    ),
    "AttributeError": Meaning(
        "the object has no attribute or method of this name",
        "这个对象没有叫这个名字的属性或方法",
        "See what it has with `dir(...)`.",
        "用 `dir(...)` 看看它有什么。",
    ),
    "ZeroDivisionError": Meaning(
        "something is divided by zero",
        "除数是零",
        "Check the divisor first: an empty list has a length of zero.",
        "先检查除数：空列表的长度就是零。",
    ),
    "ModuleNotFoundError": Meaning(
        "the module is not installed in this kernel",
        "这个内核里没有安装该模块",
        "Install it with `%pip install NAME`.",
        "用 `%pip install 名称` 安装。",
    ),
    "FileNotFoundError": Meaning(
        "there is no file at this path",
        "这个路径上没有文件",
        "Paths start at the notebook's folder: see what lies there with `%ls`.",
        "路径从笔记本所在的文件夹算起，用 `%ls` 看看那里有什么。",
    ),
    "SyntaxError": Meaning(
        "Python can't read the line as it is written",
        "这一行不符合 Python 的写法",
        "Look at the line and at the end of the one above: a bracket, quote or colon is often missing.",
        "看看这一行和上一行末尾，常常少了括号、引号或冒号。",
    ),
    "IndentationError": Meaning(
        "the indentation doesn't fit the lines around it",
        "缩进与前后的行不一致",
        "Use four spaces for each level.",
        "每一层用四个空格。",
    ),
}
_OTHER = Meaning(
    "Python stopped here because something went wrong",
    "运行到这里出了问题，Python 停了下来",
    "Read the last line first, then the line of code that it points to.",
    "先看最后一行，再看它指向的那行代码。",
)


def answer(question: Question) -> str | None:
    """Return what an error means and the corrected cell; None where the question shows none or asks nothing of it."""
    found = [*_ERROR.finditer(question.text)]
    if not found or not _ASKED.search(question.text[: found[-1].start()] + question.text[found[-1].end() :]):
        return None
    name, said = found[-1]["name"], (found[-1]["said"] or "").strip()
    meaning = MEANINGS.get(name, _OTHER)
    block = _FENCE.search(question.text)
    code = block[1].rstrip("\n") if block and not _ERROR.search(block[1]) else ""
    say = question.say
    parts = [say(f"**{name}** means that {meaning.english}.", f"**{name}** 的意思是：{meaning.chinese}。")]
    if said:
        parts[0] += say(f" Python says: `{said}`.", f"Python 的说法是：`{said}`。")
    fixed = corrected(code, name, said, question.text)
    if fixed is None:
        parts.append(say(meaning.english_try, meaning.chinese_try))
    else:
        why, mended = fixed
        parts += [say(*why), say("The corrected cell:", "改正后的单元格："), f"```python\n{mended}\n```"]
    return "\n\n".join(parts)


def corrected(code: str, name: str, said: str, text: str) -> tuple[tuple[str, str], str] | None:
    """Return why and how a cell is changed so that an error goes; None where the error doesn't tell.

    Args:
        code: The cell.
        name: Of the error.
        said: What it says.
        text: All that was told, with the line numbers.
    """
    match name:
        case "NameError" if found := re.search(r"name '(\w+)' is not defined", said):
            return _renamed(code, found[1], _known(code) - {found[1]}, whole=True)
        case "AttributeError" if found := re.search(r"'(\w+)' object has no attribute '(\w+)'", said):
            kind = getattr(builtins, found[1], None)
            names = {one for one in dir(kind) if not one.startswith("_")} if isinstance(kind, type) else set()
            return _renamed(code, found[2], names, whole=False)
        case "TypeError" if "'str'" in said and _QUOTED_NUMBER.search(code):
            return (
                ("The numbers stand in quotes, so they are text. Without quotes they can be added.",
                 "数字写在引号里就成了文本，去掉引号才能相加。"),
                _QUOTED_NUMBER.sub(r"\2", code),
            )  # fmt: skip
        case "SyntaxError" if "expected ':'" in said and code:
            lines = code.split("\n")
            at = next((int(one) for one in _LINE.findall(text) if 0 < int(one) <= len(lines)), len(lines))
            lines[at - 1] = f"{lines[at - 1].rstrip()}:"
            return (("The line needs a colon at its end.", "这一行末尾少了冒号。"), "\n".join(lines))
        case "ModuleNotFoundError" if found := re.search(r"No module named '([\w.]+)'", said):
            package = found[1].partition(".")[0]
            return (
                (
                    "Install it first, in a cell of its own or in front:",
                    "先安装它，可以单独一个单元格，也可以放在最前面：",
                ),
                f"%pip install {package}\n{code}".rstrip(),
            )
    return None


def _known(code: str) -> set[str]:
    return set(re.findall(r"(?<![\w.])[A-Za-z_]\w*(?!\w)", code)) | set(dir(builtins))


def _renamed(code: str, wrong: str, names: set[str], *, whole: bool) -> tuple[tuple[str, str], str] | None:
    near = difflib.get_close_matches(wrong, sorted(names), 1, 0.6)
    pattern = rf"(?<![\w.]){wrong}(?!\w)" if whole else rf"(?<=\.){wrong}(?!\w)"
    if not near or not re.search(pattern, code):
        return None
    why = (f"`{wrong}` looks like a slip for `{near[0]}`.", f"`{wrong}` 看起来是 `{near[0]}` 的笔误。")
    return why, re.sub(pattern, near[0], code)
