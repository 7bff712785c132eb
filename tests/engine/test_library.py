"""A session's vectors: a model that tells questions from passages is told which they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ve_magics.engine.config import Config
from ve_magics.engine.library import SessionMeans
from ve_magics.engine.session import Session
from ve_magics.engine.transport import Mounted

pytestmark = pytest.mark.anyio
CONFIG = """
[providers.open]
dialect = "chat_completions"
base_url = "https://open.invalid/v1"
key = "env:KEY"
[providers.gem]
dialect = "generate_content"
base_url = "https://gem.invalid/v1beta"
key = "env:KEY"
"""


class Maker:
    """Makes a vector for everything, in either format."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one call."""
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.asked.append(json.loads(body))
        answer: dict[str, Any] = {
            "object": "list",
            "data": [{"index": 0, "embedding": [1.0, 0.0]}],
            "model": "m",
        }
        if "batchEmbedContents" in scope["path"]:
            answer = {"embeddings": [{"values": [1.0, 0.0]}]}
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"application/json")],
            }
        )
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


@pytest.mark.parametrize(
    ("model", "question", "passage"),
    [
        ("open/multilingual-e5-small", "query: why", "passage: why"),
        ("open/nomic-embed-text", "search_query: why", "search_document: why"),
        ("open/text-embedding-3-small", "why", "why"),
        ("gem/gemini-embedding-001", "RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT"),
    ],
)
async def test_questions_and_passages_are_told_apart(
    tmp_path: Path, model: str, question: str, passage: str
) -> None:
    """Each family is told in its own way, and a model that knows no difference gets the words alone."""
    (tmp_path / "config.toml").write_text(CONFIG)
    maker = Maker()
    environ = {"VE_CONFIG": str(tmp_path / "config.toml"), "KEY": "sk-x"}
    session = Session(
        config=Config(environ=environ, directory=tmp_path, keyring=lambda _: None),
        directory=tmp_path,
        transport=Mounted({"open.invalid": maker, "gem.invalid": maker}),
        data=tmp_path / "home",
    )
    try:
        for asks in (True, False):
            assert [*await SessionMeans(session).embed(model, question=asks)(["why"])] == [(1.0, 0.0)]
    finally:
        await session.aclose()
    said = [one["input"][0] if "input" in one else one["requests"][0]["taskType"] for one in maker.asked]
    assert said == [question, passage]
