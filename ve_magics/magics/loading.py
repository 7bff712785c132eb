"""What `%load_ext ve_magics` does to a shell, and how all of it is taken back."""

from __future__ import annotations

import io
import re
import sys
from typing import TYPE_CHECKING, Any

from ve_magics.magics.extension import CELL_MAGICS, LINE_MAGICS, VeMagics

if TYPE_CHECKING:
    from ve_magics.magics.notebook import Notebook

_COMPLETED = (*(f"%%{name}" for name in CELL_MAGICS), *(f"%{name}" for name in LINE_MAGICS))
_ASSIGNED = r"\s*[\w.,\s]+=\s*%(?:chat|ve)\s"
"""An assignment from a magic's line; its completer goes by a pattern, as its first word is a variable."""

_OURS = re.compile(rf"%%(?:{'|'.join(CELL_MAGICS)})(?:[ \t]|$)")


def keep_empty_cells(lines: list[str]) -> list[str]:
    """Give a cell that holds only our magic's line an empty line below it.

    IPython refuses a cell magic without a body by printing a usage note, which programs that run notebooks take for
    success. With a body, however empty, the magic itself can say what is missing, in an error.
    """
    if lines and _OURS.match(lines[0]) and not "".join(lines[1:]):
        return [lines[0].rstrip("\n") + "\n", "\n"]
    return lines


keep_empty_cells.has_side_effects = True  # type: ignore[attr-defined]  # a terminal then doesn't take the line for a whole cell


def load(shell: Any, notebook: Notebook | None = None) -> None:
    """Register the magics with a shell, once.

    Args:
        shell: The running IPython shell.
        notebook: What all magics share; made when first needed where None.
    """
    if shell.find_magic("chat", "cell") is None or not hasattr(shell, "_ve_magics"):
        shell._ve_magics = VeMagics(shell, notebook)
        shell.register_magics(shell._ve_magics)
        if keep_empty_cells not in shell.input_transformers_cleanup:
            shell.input_transformers_cleanup.append(keep_empty_cells)
        _read_questions(shell)
        shell.events.register("post_run_cell", shell._ve_magics.remember)
        for name in _COMPLETED:
            shell.set_hook("complete_command", shell._ve_magics.complete, str_key=name)
        shell.set_hook("complete_command", shell._ve_magics.complete, re_key=_ASSIGNED)
        _spare_characters()


def unload(shell: Any) -> None:
    """Close what is open and take the magics away."""
    magics = getattr(shell, "_ve_magics", None)
    if magics is not None:
        magics.unload()
        shell.events.unregister("post_run_cell", magics.remember)
        for name in _COMPLETED:
            _forget_completer(shell, name)
        _forget_completer(shell, _ASSIGNED)
        transformers = shell.input_transformer_manager.token_transformers
        transformers[:] = [one for one in transformers if one.__module__ != "ve_magics.magics.lines"]
        del shell._ve_magics
        if keep_empty_cells in shell.input_transformers_cleanup:
            shell.input_transformers_cleanup.remove(keep_empty_cells)
        for kind, names in (("cell", CELL_MAGICS), ("line", LINE_MAGICS)):
            for name in names:
                shell.magics_manager.magics[kind].pop(name, None)


def _spare_characters() -> None:
    """Have a terminal or pipe that lacks a character show `?` for it: an answer that was paid for isn't lost then."""
    out = sys.stdout  # a kernel's is no such file, and takes everything
    if isinstance(out, io.TextIOWrapper) and out.encoding.lower() != "utf-8" and out.errors == "strict":
        out.reconfigure(errors="replace")


def _forget_completer(shell: Any, name: str) -> None:
    """Take back a completer; IPython has a way to add one and none to remove it."""
    completers = getattr(shell, "strdispatchers", {}).get("complete_command")
    if completers is not None:
        completers.strs.pop(name, None)
        for pattern in [one for one in completers.regexs if one.pattern == name]:
            del completers.regexs[pattern]


def _read_questions(shell: Any) -> None:
    """Have `%chat` lines read as questions, of which many end in the mark by which IPython asks for help."""
    from ve_magics.magics.lines import AssignedQuestion, Question

    transformers = shell.input_transformer_manager.token_transformers
    for one in (Question, AssignedQuestion):
        if one not in transformers:
            transformers.append(one)
