"""What a scene shows: its prompt, its mark, and that time passes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ve_magics.sim.film.caption import draw
from ve_magics.sim.film.scene import LARGEST, MARK, SMALLEST, Scene


def luma_rows(scene: Scene, index: int, **options: bool) -> list[bytes]:
    plane = scene.picture(index, **options).y
    stride = -(-scene.width // 16) * 16
    return [plane[row * stride : row * stride + scene.width] for row in range(scene.height)]


def shows(rows: list[bytes], text: str, scale: int) -> bool:
    """Whether the text is somewhere in the rows: bright where the font has ink, dark where it has none."""
    ink = draw([text], scale)
    bright = [bytes(value > 190 for value in row) for row in rows]
    first = next(number for number, row in enumerate(ink) if any(row))
    for top in range(len(rows) - len(ink) + 1):
        left = bright[top + first].find(ink[first])
        while left >= 0:
            if all(bright[top + n][left : left + len(row)] == row for n, row in enumerate(ink)):
                return True
            left = bright[top + first].find(ink[first], left + 1)
    return False


@pytest.mark.parametrize(
    ("prompt", "said", "scale"),
    [
        ("A red fox", ["A red fox"], 2),
        ("一只红狐奔跑在新雪之中", ["一只红狐奔跑在新雪之中"], 2),
        ("黎明，群山。" * 7, ["黎明，群山。" * 3 + "黎明，", "群山。" + "黎明，群山。" * 3], 1),
        ("fox " * 200, ["fox fox fox…"], 1),
    ],
)
def test_the_prompt_can_be_read(prompt: str, said: list[str], scale: int) -> None:
    """English and Chinese stand in the picture, large if short, broken and cut if long."""
    rows = luma_rows(Scene(prompt, width=640, height=360, count=12, fps=12), 3)
    for text in said:
        assert shows(rows, text, scale)


def test_the_mark_is_always_there() -> None:
    """No picture can be taken for a real one, a still neither."""
    scene = Scene("fox", width=640, height=360, count=12, fps=12)
    for index in (0, 5, 11):
        assert shows(luma_rows(scene, index), MARK, 1)
    assert shows(luma_rows(scene, 5, clock=False), MARK, 1)


def test_the_clock_counts() -> None:
    """Each picture says its number; a still says none."""
    scene = Scene("fox", width=640, height=360, count=12, fps=12)
    for index in (0, 4, 11):
        assert shows(luma_rows(scene, index), f"{index + 1:02d}/12", 1)
        assert not shows(luma_rows(scene, index, clock=False), f"{index + 1:02d}/12", 1)


def test_pictures_differ_by_more_than_the_clock() -> None:
    """Things move in the sky and on the ground."""
    scene = Scene("fox", width=320, height=192, count=24, fps=12)
    early, late = (luma_rows(scene, index, clock=False) for index in (2, 20))
    changed = [number for number, (a, b) in enumerate(zip(early, late, strict=True)) if a != b]
    assert len(changed) > 60


def test_motions_say_what_moved() -> None:
    """Each motion is even, lies in the picture, and all of them add up to what things have travelled."""
    scene = Scene("fox", width=640, height=360, count=48, fps=12)
    total: dict[tuple[int, int], int] = {}
    for index in range(1, 48):
        for motion in scene.motions(index):
            assert motion.shift % 2 == 0 != motion.shift
            assert 0 <= motion.top < motion.bottom <= 360
            key = motion.top, motion.bottom
            total[key] = total.get(key, 0) + motion.shift
    assert max(total.values()) > 640 // 3
    assert min(total.values()) < -640 // 10


def test_prompt_and_seed_choose_the_scene() -> None:
    """The same pair gives the same picture, another prompt or seed another one."""

    def still(prompt: str, seed: int) -> bytes:
        return Scene(prompt, width=128, height=128, count=1, fps=12, seed=seed).picture(0).y

    assert still("fox", 1) == still("fox", 1)
    assert len({still("fox", 1), still("fox", 2), still("狐", 1)}) == 3


@settings(max_examples=20)
@given(
    prompt=st.text(max_size=60),
    width=st.integers(64, 150).map(lambda half: 2 * half),
    height=st.integers(64, 150).map(lambda half: 2 * half),
    seed=st.integers(-5, 10**12),
    count=st.integers(1, 40),
    index=st.integers(0, 39),
)
def test_any_text_at_any_size_gives_a_picture(
    prompt: str, width: int, height: int, seed: int, count: int, index: int
) -> None:
    """Whatever the prompt is made of, the planes have their sizes and only samples of limited range."""
    picture = Scene(prompt, width=width, height=height, count=count, fps=7, seed=seed).picture(index % count)
    size = -(-width // 16) * -(-height // 16) * 256
    assert [len(plane) for plane in picture] == [size, size // 4, size // 4]
    assert min(picture.y) >= 16
    assert max(picture.y) <= 235


@pytest.mark.parametrize(("width", "height"), [(4096, 128), (128, 4096)])
def test_the_longest_strips_give_a_picture(width: int, height: int) -> None:
    """Both ends of what is allowed go together."""
    assert len(Scene("fox", width=width, height=height, count=2, fps=1).picture(1).y) == width * height


@pytest.mark.parametrize(
    ("width", "height"), [(641, 360), (640, 361), (SMALLEST - 2, 360), (640, LARGEST + 2), (0, 0)]
)
def test_sizes_out_of_range_are_refused(width: int, height: int) -> None:
    """Odd, tiny and huge pictures."""
    with pytest.raises(ValueError, match="pixels wide and high"):
        Scene("fox", width=width, height=height, count=1, fps=1)
