"""Writes code, and explains code that is given."""

from __future__ import annotations

import ast
import re

from ve_magics.sim.answers.programs import OTHERS, PROGRAMS, Program
from ve_magics.sim.answers.prose import keywords
from ve_magics.sim.answers.question import Question

_ASKED = re.compile(
    r"\b(?:write|create|implement|generate|give me|show me|make|code|program|need)\b[^.?!\n]{0,80}?"
    r"\b(?:code|function|script|program|class|query|snippet|one-liner|algorithm|html page)\b"
    r"|\b(?:implement|code up)\b|\bpython (?:code|function|program|script|example)\b"
    r"|^(?:print|sort|read|reverse|count|check|compute|find|merge|parse"
    r"|plot)\b[^.?!\n]{0,60}\bin (?:python|javascript|java|rust|sql|bash)\b"
    r"|\bhow (?:do|can|to) (?:i |you |we )?[^?\n]{0,60}\b(?:in|with|using) python\b"
    r"|(?:写|编写|实现|生成|给我|来)[^。？\n]{0,24}(?:代码|函数|程序|脚本|算法|类|查询)|用\s*python|写代码",
    re.IGNORECASE,
)
_FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
_BARE = re.compile(r"^(?:[^\n]*[:：][ \t]*)?((?:async def|def|class|@\w+) ?.*)", re.DOTALL | re.MULTILINE)
_EXPLAIN = re.compile(r"\bexplain|what does|describe|review|解释|说明|什么意思|做什么", re.IGNORECASE)


def answer(question: Question) -> str | None:
    """Return code, or what given code does; None where neither is asked for."""
    if (block := _FENCE.search(question.text)) and _EXPLAIN.search(
        question.text[: block.start()] + question.text[block.end() :]
    ):
        return _explained(question, block[2])
    if (
        (bare := _BARE.search(question.text))
        and _EXPLAIN.search(question.text[: bare.start(1)])
        and _runs(bare[1])
    ):
        return _explained(question, bare[1])
    if not _ASKED.search(question.text):
        return None
    lowered = question.text.lower()
    for language, (names, code) in OTHERS.items():
        if "python" not in lowered and any(_holds(lowered, name) for name in names):
            return _shown(
                question,
                language,
                code,
                "It is a small program to start from.",
                "这是一个可以从这里开始的小程序。",
            )
    program = _asked_for(lowered) or _made_up(question)
    return _shown(question, "python", program.code, program.english, program.chinese)


def _runs(code: str) -> bool:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _holds(text: str, key: str) -> bool:
    if not key.isascii():
        return key in text
    return re.search(rf"(?<![a-z0-9+#]){re.escape(key)}(?![a-z0-9+#])", text) is not None


def _asked_for(lowered: str) -> Program | None:
    """Return the program whose longest key stands in the text."""
    found = [
        (len(key), number) for number, one in enumerate(PROGRAMS) for key in one.keys if _holds(lowered, key)
    ]
    return PROGRAMS[max(found, key=lambda entry: (entry[0], -entry[1]))[1]] if found else None


def _shown(question: Question, language: str, code: str, english: str, chinese: str) -> str:
    block = f"```{language}\n{code}\n```"
    if question.shape.bare:
        return block
    return f"{block}\n\n{question.say(english, chinese)}"


def _made_up(question: Question) -> Program:
    """Return a small program for a wish that isn't known: a function by its name, with a check."""
    told = [word for word in keywords(question.text) if word.isascii() and word.isidentifier()]
    skipped = (
        "python",
        "function",
        "code",
        "program",
        "script",
        "implement",
        "create",
        "returns",
        "return",
        "takes",
    )
    name = "_".join([word for word in told if word not in skipped][:3]) or "solve"
    if not name.isidentifier() or name in ("class", "def", "import", "lambda"):
        name = "solve"
    return Program(
        (),
        "This is a frame to build on: I'm a simulated tutor, so the step in the middle is yours.",
        "这是一个可以继续完善的框架：我是模拟导师，中间那一步要由你来写。",
        f'''\
def {name}(values):
    """Return the values after one step each."""
    result = []
    for value in values:
        result.append(value)  # the step that does the work
    return result

print({name}([1, 2, 3]))  # [1, 2, 3]''',
    )


def _explained(question: Question, code: str) -> str:
    say = question.say
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        return say(
            f"This isn't valid Python: line {line} can't be read ({getattr(error, 'msg', error)}).",
            f"这不是合法的 Python：第 {line} 行无法解析（{getattr(error, 'msg', error)}）。",
        )
    points = [point for node in tree.body if (point := _point(question, node))]
    lines = len(code.strip().splitlines())
    head = say(f"The code has {lines} lines. Step by step:", f"这段代码有 {lines} 行，逐步来看：")
    return head + "\n\n" + "\n".join(f"{number}. {point}" for number, point in enumerate(points, 1))


def _point(question: Question, node: ast.stmt) -> str:
    say = question.say
    match node:
        case ast.Import() | ast.ImportFrom():
            names = ", ".join(f"`{alias.name}`" for alias in node.names)
            return say(f"It imports {names}.", f"导入 {names}。")
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            taken = ", ".join(f"`{argument.arg}`" for argument in node.args.args) or say(
                "nothing", "没有参数"
            )
            calls_itself = any(isinstance(n, ast.Name) and n.id == node.name for n in ast.walk(node))
            tail = say(" It calls itself.", "它会调用自己。") if calls_itself else ""
            if isinstance(last := node.body[-1], ast.Return) and last.value is not None:
                given = ast.unparse(last.value)[:80]
                tail += say(f" It returns `{given}`.", f"返回 `{given}`。")
            return (
                say(
                    f"It defines the function `{node.name}`, which takes {taken}.",
                    f"定义函数 `{node.name}`，参数：{taken}。",
                )
                + tail
            )
        case ast.ClassDef():
            return say(f"It defines the class `{node.name}`.", f"定义类 `{node.name}`。")
        case ast.Assign() | ast.AugAssign() | ast.AnnAssign():
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            return say(f"It sets `{ast.unparse(target)}`.", f"给 `{ast.unparse(target)}` 赋值。")
        case ast.For() | ast.While():
            return say("It loops.", "进行循环。")
        case ast.If():
            return say(
                f"It checks whether `{ast.unparse(node.test)}`.",
                f"判断 `{ast.unparse(node.test)}` 是否成立。",
            )
        case ast.Expr():
            return say(f"It runs `{ast.unparse(node)[:80]}`.", f"执行 `{ast.unparse(node)[:80]}`。")
        case _:
            return say(
                f"It runs a `{type(node).__name__.lower()}` statement.",
                f"执行 `{type(node).__name__.lower()}` 语句。",
            )
