"""The simulator's own tokenizer."""

from hypothesis import given
from hypothesis import strategies as st

from ve_magics.sim import tokens


@given(st.text())
def test_tokens_joined_are_the_text(text: str) -> None:
    """No character is lost or made up, whatever the text."""
    assert "".join(tokens.split(text)) == text


def test_counts_are_about_those_of_real_tokenizers() -> None:
    """English has about a token a word, Chinese about one a character."""
    assert tokens.count("The quick brown fox jumps over the lazy dog.") == 10
    assert tokens.count("敏捷的棕色狐狸") == 7
    assert tokens.count("") == 0
