"""Pictures and files that a cell sends along."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from ve_magics.errors import ArgumentsError
from ve_magics.magics.chat import attachments
from ve_magics.messages import File
from ve_magics.sim.film import poster

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20
KINDS = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0",
    "image/gif": b"GIF89a",
    "image/webp": b"RIFF\0\0\0\0WEBPVP8 ",
    "": b"%PDF-1.7",
}


class Figure:
    """Draws itself like a matplotlib figure."""

    def savefig(self, file: io.BytesIO, **options: str) -> None:
        """Write a picture."""
        assert options == {"format": "png"}
        file.write(PNG)


class Picture:
    """Shows itself like a PIL image."""

    def _repr_png_(self) -> bytes:
        return PNG


@pytest.mark.parametrize(("kind", "data"), KINDS.items())
def test_kinds_are_known_by_their_bytes(kind: str, data: bytes) -> None:
    """The first bytes say what a picture is, whatever its name says."""
    assert attachments.image_type(data) == kind


def test_picture_comes_from_a_path(tmp_path: Path) -> None:
    """A path starts at the notebook's folder."""
    still = poster("fox", width=128, height=128)
    (tmp_path / "fox.dat").write_bytes(still)
    found = attachments.image("fox.dat", directory=tmp_path, namespace={})
    assert (found.data, found.media_type) == (still, "image/png")


@pytest.mark.parametrize("value", [PNG, bytearray(PNG), memoryview(PNG), Picture(), Figure()])
def test_picture_comes_from_a_variable(value: Any, tmp_path: Path) -> None:
    """Bytes, and what can show itself as PNG, can be sent by name."""
    found = attachments.image("shot", directory=tmp_path, namespace={"shot": value})
    assert (found.data, found.media_type) == (PNG, "image/png")


def test_addresses_stay_addresses(tmp_path: Path) -> None:
    """What lies on the web is for the provider to fetch."""
    url = "https://example.com/a.png"
    assert attachments.image(url, directory=tmp_path, namespace={}).url == url
    assert attachments.file(url, directory=tmp_path, namespace={}).url == url


def test_document_brings_its_name_and_type(tmp_path: Path) -> None:
    """A document's type is guessed from its name."""
    (tmp_path / "报告.pdf").write_bytes(b"%PDF-1.7")
    found = attachments.file("报告.pdf", directory=tmp_path, namespace={})
    assert isinstance(found, File)
    assert (found.name, found.media_type, found.data) == ("报告.pdf", "application/pdf", b"%PDF-1.7")
    (tmp_path / "blob").write_bytes(b"?")
    assert attachments.file("blob", directory=tmp_path, namespace={}).media_type == "application/octet-stream"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nowhere.png", "--image nowhere.png can't be read: No such file or directory."),
        (".", "--image . can't be read: Is a directory."),
        ("note.txt", "note.txt is not a picture."),
        ("number", "The variable number is not a picture."),
    ],
)
def test_what_is_no_picture_is_refused(source: str, said: str, tmp_path: Path) -> None:
    """Nothing is sent where the picture is missing or is none."""
    (tmp_path / "note.txt").write_text("hello", "utf-8")
    with pytest.raises(ArgumentsError) as caught:
        attachments.image(source, directory=tmp_path, namespace={"number": 7})
    assert caught.value.message == said
    assert caught.value.hint


def test_what_is_too_large_is_refused(tmp_path: Path) -> None:
    """A file that no provider takes is refused before it is read."""
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(attachments.IMAGE_LIMIT + 1)
    with pytest.raises(ArgumentsError, match="larger than 20 MiB"):
        attachments.image("huge.png", directory=tmp_path, namespace={})


class Axes:
    """Lies in a figure, as what pandas draws on does."""

    figure = Figure()


class Table:
    """Writes itself as CSV like a data frame."""

    def to_csv(self) -> str:
        return "城市,n\nUr,3\n"


@pytest.mark.parametrize("name", ["here", "text", "far", "axes", "buffer"])
def test_variable_may_lead_to_a_picture(name: str, tmp_path: Path) -> None:
    """A variable may hold the path or address of a picture, the axes of a figure, or a buffer."""
    (tmp_path / "dot.png").write_bytes(PNG)
    values = {
        "here": Path("dot.png"),
        "text": "dot.png",
        "far": "https://example.com/dot.png",
        "axes": Axes(),
        "buffer": io.BytesIO(PNG),
    }
    found = attachments.image(name, directory=tmp_path, namespace=values)
    assert (found.data, found.url) == ((b"", values["far"]) if name == "far" else (PNG, ""))


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (Table(), ("城市,n\nUr,3\n".encode(), "text/csv", "it.csv")),
        ("好", ("好".encode(), "text/plain", "it.txt")),
        (b"%PDF-1.7", (b"%PDF-1.7", "application/pdf", "it.pdf")),
        (b"plain", (b"plain", "text/plain", "it")),
        (b"\xff\xfe", (b"\xff\xfe", "application/octet-stream", "it")),
        (Path("a.csv"), (b"1,2", "text/csv", "a.csv")),
    ],
)
def test_file_comes_from_a_variable(value: Any, sent: tuple[bytes, str, str], tmp_path: Path) -> None:
    """A table goes out as CSV, words as text, bytes as what they are, a path as the file there."""
    (tmp_path / "a.csv").write_bytes(b"1,2")
    found = attachments.file("it", directory=tmp_path, namespace={"it": value})
    assert isinstance(found, File)
    assert (found.data, found.media_type, found.name) == sent


def test_picture_in_a_variable_is_sent_as_a_picture(tmp_path: Path) -> None:
    """`--file` with a figure sends what `--image` would."""
    found = attachments.file("it", directory=tmp_path, namespace={"it": Figure()})
    assert found == attachments.image("it", directory=tmp_path, namespace={"it": Figure()})


def test_variable_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """What can't be sent as a file is said, with what can be done."""
    with pytest.raises(ArgumentsError, match="can't be sent as a file") as refused:
        attachments.file("it", directory=tmp_path, namespace={"it": {"a": 1}})
    assert "{{ it }}" in refused.value.hint
