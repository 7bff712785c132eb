"""Errors, as a model sees them."""

from __future__ import annotations

import json

from ve_magics.magics.chat.traces import FRAMES, failure_of, fenced, trace


def failed(source: str, name: str = "/tmp/ipykernel_7/1.py") -> BaseException:
    """Return what a cell raises."""
    try:
        exec(compile(source, name, "exec"), {"__name__": "__main__"})
    except BaseException as error:
        return error
    raise AssertionError("it did not fail")


def test_error_has_type_message_and_cell() -> None:
    """The frames begin in the cell, and no folder of the machine is told."""
    shown = trace(failed("def f():\n    return 1 / 0\nf()"))
    assert shown == (
        "Traceback (most recent call last):\n"
        "  cell, line 3, in <module>\n"
        "  cell, line 2, in f\n"
        "ZeroDivisionError: division by zero"
    )


def test_frames_of_libraries_are_trimmed() -> None:
    """Of a library's frames the last ones are shown, by file and folder alone; gaps are counted."""
    shown = trace(failed("import json\njson.loads('{' * 3)"))
    assert "  cell, line 2, in <module>" in shown
    assert "File 'json/decoder.py', line" in shown
    assert json.__file__ not in shown
    deep = trace(failed("import json\njson.dumps([[[[[[object()]]]]]], indent=1)"))
    assert "frames left out" in deep
    endless = trace(failed("def f(n):\n    return f(n + 1)\nf(0)"))
    assert len(endless.splitlines()) <= FRAMES * 2 + 6
    assert "frames left out" in endless


def test_causes_come_first() -> None:
    """What caused an error is told before it, and how the two belong together."""
    chained = trace(failed("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError('k') from e"))
    assert (
        chained.index("division by zero")
        < chained.index("That was the direct cause of:")
        < chained.index("KeyError")
    )
    handled = trace(failed("try:\n    1 / 0\nexcept ZeroDivisionError:\n    int('x')"))
    assert "While that was handled, this happened:" in handled
    hidden = trace(failed("try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise KeyError('k') from None"))
    assert "division" not in hidden
    loop = ValueError("a")
    loop.__cause__ = KeyError("b")
    loop.__cause__.__cause__ = loop
    assert trace(loop).count("ValueError") == 1


def test_same_error_reads_the_same_in_the_next_kernel() -> None:
    """Addresses of objects and names of temporary files are left out; long messages are cut."""
    assert "0x…" in trace(failed("raise ValueError(object())"))
    syntax = trace(failed("1 +", "/tmp/ipykernel_99/3.py"))
    assert "ipykernel" not in syntax
    assert "SyntaxError" in syntax
    assert "[cut: the first 4,000 of" in trace(ValueError("x" * 9000))


def test_failure_is_sent_with_its_cell() -> None:
    """The cell stands before the error, each in a block that its own backticks can't end."""
    error = ValueError("no")
    assert (
        failure_of(error, "f()\n")
        == "The cell:\n\n```python\nf()\n```\n\nThe error:\n\n```\nValueError: no\n```"
    )
    assert failure_of(error, " \n") == "The error:\n\n```\nValueError: no\n```"
    assert fenced("a ```` b", "md") == "`````md\na ```` b\n`````"
