"""Python that a model wrote and a person allowed, run in the notebook."""

from __future__ import annotations

import ast
import base64
from typing import Any

from ve_magics.errors import ToolFailedError
from ve_magics.messages import Text
from ve_magics.tools import Output, output_of
from ve_magics.tools.output import MOST_TEXT, cut

_FILE = "<python tool>"


class NotebookCode:
    """Runs code among the notebook's variables. In the cell's own thread only.

    Args:
        shell: The running IPython shell.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def run(self, code: str) -> Output:
        """Return what code prints and shows, and what its last expression is.

        Raises:
            ToolFailedError: It fails; the message says where, without a traceback.
        """
        from IPython.utils.capture import capture_output

        names = self._shell.user_ns
        value: Any = None
        with capture_output() as captured:
            try:
                tree = ast.parse(code, _FILE)
                last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
                exec(compile(tree, _FILE, "exec"), names)  # noqa: S102 - a person has said yes to this very code
                if isinstance(last, ast.Expr):
                    value = eval(compile(ast.Expression(last.value), _FILE, "eval"), names)  # noqa: S307 - the same
            except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the code raises is told to the model
                raise ToolFailedError(_told(error, captured.stdout)) from None
        printed = cut(captured.stdout.strip(), MOST_TEXT // 2)
        parts = [Text(printed)] if printed else []
        shown = [part for one in captured.outputs for part in _shown(one.data)]
        own = output_of(value, MOST_TEXT // 2).parts if value is not None else ()
        return Output((*parts, *shown, *own) or (Text("(it printed nothing)"),))


def _shown(data: dict[str, Any]) -> tuple[Any, ...]:
    """Return what a display of the code is for the model."""
    picture = data.get("image/png")
    if isinstance(picture, str):
        return output_of(base64.b64decode(picture)).parts
    return output_of(picture if isinstance(picture, bytes) else data.get("text/plain", "")).parts


def _told(error: BaseException, printed: str) -> str:
    """Return what went wrong, in which line, and the end of what was printed before."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    where = f" in line {line}" if line else ""
    before = f" It had printed: {printed.strip()[-500:]}" if printed.strip() else ""
    return f"{type(error).__name__}{where}: {error}.{before}"
