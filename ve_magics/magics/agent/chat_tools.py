"""`%%chat` and `%chat` by what their line says: with tools the model may call them, without it only answers.

With a knowledge base and no tools it answers from what was found there, with citations.
"""

from __future__ import annotations

import argparse

from ve_magics.errors import ArgumentsError
from ve_magics.magics.agent.cell import act
from ve_magics.magics.chat import cell as plain
from ve_magics.magics.chat.answer import Answer
from ve_magics.magics.chat.arguments import chat_parser
from ve_magics.magics.chat.pending import Pending
from ve_magics.magics.chat.shown import hide_in_cell
from ve_magics.magics.knowledge.ask import check_cited, from_documents
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.parser import split_line


def chat(notebook: Notebook, line: str, cell: str) -> None:
    """Run a `%%chat` cell.

    Raises:
        VeError: Whatever went wrong, fit to be shown.
        KeyboardInterrupt: The cell was interrupted; what had come is shown and kept as partial.
    """
    options = chat_parser().read(line)
    if calls(options):
        act(notebook, options, cell, magic="%%chat")
    elif cites(options):
        from_documents(notebook, options, cell)
    else:
        plain.chat(notebook, line, cell)


def chat_line(notebook: Notebook, line: str) -> Answer | Pending | None:
    """Run a `%chat` line and return its answer; None where only help or a plan was asked for.

    Raises:
        VeError: Whatever went wrong, fit to be shown.
        KeyboardInterrupt: As for `chat`.
    """
    parser = chat_parser(line=True)
    flags, question = split_line(parser, line)
    options = parser.read(flags)
    answer: Answer | None
    if calls(options):
        answer = act(notebook, options, question, magic="%chat")
    elif cites(options):
        answer = from_documents(notebook, options, question)
    else:
        return plain.chat_line(notebook, line)
    if answer is not None:
        hide_in_cell(answer, notebook.shell)
    return answer


def calls(options: argparse.Namespace) -> bool:
    """Tell whether a line lets its model call tools.

    Raises:
        ArgumentsError: It does, and wants to go on in the background.
    """
    if options.help or not options.tools:
        return False
    if options.background:
        raise ArgumentsError(
            "A cell with tools does not run in the background.", hint="Leave --background out."
        )
    options.agents, options.team = [], False
    return True


def cites(options: argparse.Namespace) -> bool:
    """Tell whether a line asks for an answer from documents, with citations.

    Raises:
        ArgumentsError: It does, and wants what such an answer can't have.
    """
    if options.help or not options.kb:
        return False
    check_cited(options)
    return True
