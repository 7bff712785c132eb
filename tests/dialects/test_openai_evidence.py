"""What stands beside the words is told in OpenAI's forms, whoever said it."""

from __future__ import annotations

from typing import Any

import pytest

from ve_magics.dialects.openai_evidence import Spans, flat_citation, nested_citation, told_logprobs

URL = "https://example.org/rain"
WHOLE = {"type": "url_citation", "url": URL, "title": "Weather", "start_index": 3, "end_index": 7}
FIELDS = {name: value for name, value in WHOLE.items() if name != "type"}
SOURCES: dict[str, dict[str, Any]] = {
    "flat": {"type": "url_citation", "url": URL, "title": "Weather"},
    "nested": {"type": "url_citation", "url_citation": {"url": URL, "title": "Weather"}},
    "Anthropic's": {
        "type": "web_search_result_location",
        "cited_text": "Rain.",
        "encrypted_index": "x",
        "url": URL,
        "title": "Weather",
    },
}


@pytest.mark.parametrize("source", SOURCES)
def test_an_address_becomes_a_citation_in_either_form(source: str) -> None:
    """It gets all fields, none of another provider's, and the span of its words where it names none."""
    assert flat_citation(SOURCES[source], (3, 7)) == WHOLE
    assert nested_citation(SOURCES[source], (3, 7)) == {"type": "url_citation", "url_citation": FIELDS}


def test_a_span_of_its_own_is_kept() -> None:
    """A citation that says where it stands is not told otherwise, and unknown fields of the same type stay."""
    told = {**WHOLE, "start_index": 0, "end_index": 2, "future": 1}
    assert flat_citation(told, (3, 7)) == told


def test_a_missing_title_is_empty() -> None:
    """The title is always text."""
    found = flat_citation({"type": "url_citation", "url": URL, "title": None}, (0, 0))
    assert found is not None
    assert found["title"] == ""


@pytest.mark.parametrize(
    "note", ["odd", 7, None, {"type": "url_citation"}, {"type": "char_location", "cited_text": "Rain."}]
)
def test_what_has_no_form_is_left_out(note: Any) -> None:
    """What names no address, and what is no citation at all, is not told."""
    assert flat_citation(note, (0, 1)) is None
    assert nested_citation(note, (0, 1)) is None


def test_files_are_cited_in_responses_alone() -> None:
    """Other types than addresses go through where they have a form."""
    note = {"type": "file_citation", "file_id": "f", "index": 1, "filename": "a.txt"}
    assert flat_citation(note, (0, 1)) == note
    assert nested_citation(note, (0, 1)) is None


def test_spans_count_over_all_parts() -> None:
    """A part begins where the words before it ended; one that has said nothing begins at the end."""
    spans = Spans()
    spans.add(0, "Grass ")
    spans.add(2, "is")
    spans.add(2, " green")
    assert (spans.of(0), spans.of(2), spans.of(3)) == ((0, 6), (6, 14), (14, 14))


def test_log_probabilities_have_every_field() -> None:
    """Bytes come from the token where they are missing, a missing number is OpenAI's mark for unlikely, the rest goes."""
    entries = [{"token": "é", "logprob": -1, "token_id": 5, "top_logprobs": [{"token": "e"}, "odd"]}, 7]
    unlikely = {"token": "e", "logprob": -9999.0, "bytes": [101]}
    assert told_logprobs(entries) == [
        {"token": "é", "logprob": -1, "bytes": [195, 169], "top_logprobs": [unlikely]}
    ]
    assert told_logprobs([{"token": "\ud83d", "logprob": -1.0, "bytes": [240]}])[0]["bytes"] == [240]
