"""What several models answered to one prompt: the object, and the one output that shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ve_magics.errors import VeError
from ve_magics.magics.chat.answer import Answer
from ve_magics.magics.chat.display import BROKE_OFF, STOPPED, bundle
from ve_magics.magics.chat.formats import Form
from ve_magics.magics.failure import RecordedFailureError, explain, one_line
from ve_magics.magics.frames import frame
from ve_magics.magics.markdown.markdown import neutralise
from ve_magics.magics.tables import markdown_table, money, text_table

RULE = "\n\n---\n\n"
"""What stands between two sections as Markdown: an answer may have headings larger than the name of its model."""
HEAD = ("model", "tokens in", "tokens out", "cost, USD")
"""The columns of the table below the answers. Seconds vary from run to run and stand in the metadata."""


class Section(NamedTuple):
    """One model's part of the output.

    Attributes:
        model: What the line calls it.
        markdown: What it answered, safe to render.
        plain: The same as plain text.
        figures: Its row of the table, below `HEAD`.
    """

    model: str
    markdown: str
    plain: str
    figures: tuple[str, ...]

    @property
    def whole_markdown(self) -> str:
        """The section with its heading."""
        return f"### {neutralise(self.model)}\n\n{self.markdown}".rstrip()

    @property
    def whole_plain(self) -> str:
        """The section with its heading, as plain text."""
        return f"{self.model}\n{'─' * len(self.model)}\n{self.plain}".rstrip()


class Comparison(Mapping[str, Answer]):
    """The answers by model, in the order of the line; partial ones included, failed ones without a word left out.

    Args:
        models: The models, as the line names them.
        answers: What came, by model.
        errors: What went wrong, by model.
        seconds: How long each took, by model.
        form: The form that the cell wants the answers in.
        stopped: Whether the cell was interrupted.

    Attributes:
        models: The models, as the line names them.
        errors: What went wrong, by model.
        seconds: How long each took, by model; next to nothing where the answer was known.
        stopped: Whether the cell was interrupted.
    """

    def __init__(
        self,
        models: Sequence[str],
        answers: Mapping[str, Answer],
        errors: Mapping[str, VeError],
        seconds: Mapping[str, float],
        *,
        form: Form | None = None,
        stopped: bool = False,
    ) -> None:
        self.models = tuple(models)
        self.errors = dict(errors)
        self.seconds = dict(seconds)
        self.stopped = stopped
        self._answers = {model: answers[model] for model in models if model in answers}
        self._form = Form() if form is None else form

    def __getitem__(self, model: str) -> Answer:
        return self._answers[model]

    def __iter__(self) -> Iterator[str]:
        return iter(self._answers)

    def __len__(self) -> int:
        return len(self._answers)

    @property
    def cost(self) -> float | None:
        """US dollars that all answers cost when they were made; None where one of them is unknown."""
        amounts = [answer.cost.amount for answer in self.values()]
        return None if None in amounts else sum(amount or 0.0 for amount in amounts)

    @property
    def df(self) -> Any:
        """A pandas DataFrame with a row for each model.

        Raises:
            MissingExtraError: pandas isn't installed.
        """
        return frame([self._row(model) for model in self.models]).set_index("model")

    def _row(self, model: str) -> dict[str, Any]:
        answer, error = self.get(model), self.errors.get(model)
        usage = answer.usage if answer else None
        return {
            "model": model,
            "text": answer.text if answer else None,
            "input": usage.input if usage else None,
            "output": usage.output if usage else None,
            "cost": answer.cost.amount if answer else None,
            "seconds": self.seconds.get(model),
            "served": answer.served if answer else None,
            "error": error.message if error else None,
        }

    def section(self, model: str) -> Section:
        """Return one model's part of the output."""
        answer, error = self.get(model), self.errors.get(model)
        if answer is None:
            told = _told(error) if error else STOPPED
            return Section(model, f"*{neutralise(told)}*", told, (model, "–", "–", "–"))
        mark = (STOPPED if self.stopped and error is None else BROKE_OFF) if answer.partial else ""
        data = None if answer.partial else self._form.shown(answer.text)
        data = data or bundle(answer.response, mark=mark)
        markdown, plain = data["text/markdown"].strip("\n"), data["text/plain"].strip("\n")
        if error is not None:
            told = _told(error)
            markdown, plain = f"{markdown}\n\n*{neutralise(told)}*", f"{plain}\n\n{told}"
        usage = answer.usage
        tokens = (f"{usage.input:,}", f"{usage.output:,}") if usage else ("unknown", "unknown")
        return Section(model, markdown, plain, (model, *tokens, money(answer.cost.amount)))

    def data(self) -> dict[str, str]:
        """Return what the cell's one output holds."""
        sections = [self.section(model) for model in self.models]
        rows = [section.figures for section in sections]
        return {
            "text/markdown": RULE.join(
                [*(section.whole_markdown for section in sections), markdown_table(HEAD, rows)]
            ),
            "text/plain": "\n\n".join(
                [*(section.whole_plain for section in sections), text_table(HEAD, rows)]
            ),
        }

    def facts(self) -> dict[str, Any]:
        """Return what varies from run to run, for output metadata."""
        facts: dict[str, Any] = {
            "models": {
                model: {**answer.facts(), "seconds": round(self.seconds.get(model, 0.0), 3)}
                for model, answer in self.items()
            },
            "cost_usd": self.cost,
        }
        if self.errors:
            facts["errors"] = {model: _kind(error) for model, error in self.errors.items()}
        recorded = [model for model, error in self.errors.items() if isinstance(error, RecordedFailureError)]
        if recorded:
            facts["recorded_errors"] = recorded
        if self.stopped:
            facts["partial"] = True
        return facts

    def __repr__(self) -> str:
        failed = f", {len(self.errors)} failed" if self.errors else ""
        return f"<Comparison of {', '.join(self.models)}{failed}>"

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.data(), {"ve_magics": self.facts()}


def _kind(error: VeError) -> str:
    return error.kind if isinstance(error, RecordedFailureError) else type(error).__name__


def _told(error: VeError) -> str:
    """Return what went wrong and what to do, in one line."""
    hint = f" {error.hint}" if error.hint else ""
    return one_line(f"{explain(error)[0]}{hint}")
