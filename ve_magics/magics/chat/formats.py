"""The form in which a cell wants its answer: how it is asked for, read, shown, and mended once if it does not fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from ve_magics.errors import ArgumentsError, UnfitAnswerError
from ve_magics.magics.chat.fences import code_in, json_in
from ve_magics.magics.chat.schemas import Schema, schema_named
from ve_magics.magics.chat.traces import fenced
from ve_magics.messages import ChatRequest, OutputFormat, assistant, system, user

Kind = Literal["markdown", "text", "json", "code"]
KINDS: tuple[Kind, ...] = ("markdown", "text", "json", "code")
_JSON_ALONE = "Answer with one JSON value and nothing else."


class Form(msgspec.Struct, frozen=True):
    """How one cell wants its answer.

    Attributes:
        kind: markdown, text, json or code.
        schema: What the answer must fit; None where any JSON will do.
    """

    kind: Kind = "markdown"
    schema: Schema | None = None

    def ask(self, request: ChatRequest) -> ChatRequest:
        """Return a request that asks for this form."""
        if self.schema is not None:
            output = OutputFormat(
                "json_schema", schema=self.schema.sent, name=self.schema.name, strict=self.schema.strict
            )
            return msgspec.structs.replace(request, output=output)
        if self.kind != "json":
            return request
        messages = request.messages
        if not any("json" in message.text.lower() for message in messages if message.role != "assistant"):
            messages = (system(_JSON_ALONE), *messages)
        return msgspec.structs.replace(request, messages=messages, output=OutputFormat("json_object"))

    @property
    def structured(self) -> bool:
        """Whether the answer is read as JSON."""
        return self.kind == "json" or self.schema is not None

    def read(self, text: str) -> Any:
        """Return the object that an answer is.

        Raises:
            ValueError: It isn't JSON, or doesn't fit the schema; the message says why.
        """
        value = json_in(text)
        return value if self.schema is None else self.schema.parsed(value)

    def shown(self, text: str) -> dict[str, str] | None:
        """Return what the cell's output holds instead of Markdown; None where it is Markdown."""
        if self.structured:
            try:
                value = json_in(text)
                value = value if self.schema is None else self.schema.bare(value)
                pretty = json.dumps(value, ensure_ascii=False, indent=2)
            except ValueError:
                return {"text/markdown": fenced(text), "text/plain": text}
            return {"text/markdown": fenced(pretty, "json"), "text/plain": pretty}
        if self.kind == "text":
            return {"text/markdown": fenced(text), "text/plain": text}
        if self.kind == "code":
            code, language = code_in(text)
            return {"text/markdown": fenced(code, language), "text/plain": code}
        return None

    def mend(self, request: ChatRequest, text: str, problem: str) -> ChatRequest:
        """Return the request that shows the model its answer and what is wrong with it.

        Args:
            request: The question.
            text: The answer that doesn't fit.
            problem: Why.
        """
        said = (
            f"That answer can't be used: {problem}.\nAnswer again, with the corrected JSON and nothing else."
        )
        return msgspec.structs.replace(
            request, messages=(*request.messages, assistant(text or "(nothing)"), user(said))
        )

    def refusal(self, text: str, problem: str) -> UnfitAnswerError:
        """Return the error for an answer that doesn't fit although it was asked for twice."""
        wanted = "is not JSON" if self.schema is None else f"does not fit {self.schema.name}"
        return UnfitAnswerError(
            f"The answer {wanted}, asked twice: {problem}.",
            raw=text,
            hint="What came is shown above, and %ve last holds it. Ask more plainly, or try another model.",
        )


def form_of(kind: str | None, schema: str | None, namespace: Mapping[str, Any]) -> Form:
    """Return the form that a line asks for.

    Args:
        kind: What `-f` says; None where it is left out.
        schema: What `--schema` names; None where it is left out.
        namespace: The notebook's variables.

    Raises:
        ArgumentsError: The two don't go together, or the schema isn't one.
    """
    if schema is None:
        return Form(next((known for known in KINDS if known == kind), "markdown"))
    if kind not in (None, "json"):
        raise ArgumentsError(f"--schema gives JSON, so -f {kind} does not go with it.", hint="Leave -f out.")
    return Form("json", schema_named(schema, namespace))
