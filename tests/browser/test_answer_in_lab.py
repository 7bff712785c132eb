"""What a user of JupyterLab sees of an answer."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

STREAM = """
import time
from ve_magics.events import Accumulator, TextDelta
from ve_magics.magics.chat.display import AnswerDisplay
def stream(text, size=6, pause=0.01):
    display, accumulator = AnswerDisplay(get_ipython()), Accumulator()
    for start in range(0, len(text), size):
        event = TextDelta(text[start : start + size])
        accumulator.add(event)
        display.add(event)
        display.tick(time.monotonic())
        time.sleep(pause)
    display.finish(accumulator.response(), {"model": "scripted"})
"""
ANSWER = (
    """## 多模态模型 · A short tour

**粗体：**后文 is bold, 中文**“引号”**中文 too, and `List<int>` is code; a < b.

1. First, a list

2. with a gap and code:

   ```python
   for i in range(3):
       print(f"<b>{i}</b>")
   ```

| model | price |
|---|---:|
| `a<b>` | $5 |
| fast | $6 |

The formula $a<b$ and the other one \\\\(x_1<y_1\\\\):

$$
\\\\int_0^1 x^2 dx < 1
$$

"""
    + "A paragraph that goes on. 这是一段中文。 " * 30
)
HOSTILE = """<script>window.__pwned = 1</script> <img src=x onerror="window.__pwned = 2">
<iframe srcdoc="<script>parent.__pwned = 3</script>"></iframe> <svg onload="window.__pwned = 4">

[click](javascript:window.__pwned=5) ![remote](https://example.com/pixel.png) [r]

[r]: javascript:window.__pwned=6

```html"><img src=x onerror="window.__pwned=7">
<script>window.__pwned = 8</script>
```

~`a `~<img src=x onerror="window.__pwned=9">` https://e.example/a`<img src=x onerror="window.__pwned=10">`

| a |
|---|
| `x | <img src=x onerror="window.__pwned=11">` |
"""


WATCH = """() => {
    const cell = document.querySelectorAll('.jp-Notebook .jp-CodeCell')[1];
    const scroller = document.querySelector('.jp-WindowedPanel-outer') || document.querySelector('.jp-Notebook');
    window.__frames = [];
    const look = () => {
        const area = cell.querySelector('.jp-OutputArea');
        window.__frames.push([area ? area.offsetHeight : 0, (area?.innerText || '').length, scroller.scrollTop]);
        requestAnimationFrame(look);
    };
    look();
}"""


def test_answer_grows_and_leaves_one_output(lab: Any, lab_page: Any) -> None:
    """The answer is seen to grow; what remains, and what is saved, is one output that the page renders right."""
    name = lab.write("grow.ipynb", [STREAM, f"stream({ANSWER!r}.replace(chr(92) * 2, chr(92)))"])
    lab_page.open(name)
    lab_page.run_all(wait=False)
    lengths = []
    for _ in range(12):
        lab_page.page.wait_for_timeout(200)
        lengths.append(len(lab_page.text(1)))
    assert len({length for length in lengths if length}) >= 4, lengths
    lab_page.wait_idle()
    assert len(lab_page.outputs(1)) == 1
    html = lab_page.outputs(1)[0]
    assert "<strong>粗体：</strong>" in html
    assert "<strong>“引号”</strong>" in html
    assert "<code>List&lt;int&gt;</code>" in html
    lab_page.save()
    (output,) = lab.read(name).cells[1].outputs
    assert output.output_type == "display_data"
    assert set(output.data) == {"text/markdown", "text/plain"}
    assert output.metadata == {"ve_magics": {"model": "scripted"}}
    assert lab_page.problems == []


def test_hostile_answer_does_nothing(lab: Any, lab_page: Any) -> None:
    """No script of a model runs and nothing is loaded from elsewhere; what it wrote is shown as text."""
    lab_page.open(lab.write("hostile.ipynb", [STREAM, f"stream({HOSTILE!r})"]))
    lab_page.run_all()
    lab_page.page.wait_for_timeout(500)
    assert lab_page.page.evaluate("() => window.__pwned") is None
    assert lab_page.outside == []
    assert lab_page.problems == []
    assert "<script>window.__pwned = 1</script>" in lab_page.text(1)


@pytest.mark.parametrize("parts", [180, 300])
def test_the_last_output_takes_over_without_a_jump(lab: Any, lab_page: Any, parts: int) -> None:
    """While an answer grows, in one output or cut into several, and when it is finished, nothing vanishes or scrolls."""
    text = "".join(
        f"## Part {i}\n\nWords of **part {i}** that go on, and on.\n\n- a\n- b\n\n" for i in range(parts)
    )
    assert (len(text) < 12_000) is (parts == 180)
    lab_page.open(lab.write(f"jump{parts}.ipynb", [STREAM, f"stream({text!r}, size=24)"]))
    lab_page.page.evaluate(WATCH)
    lab_page.run_all(wait=False)
    lab_page.page.wait_for_function("() => window.__frames.at(-1)[0] > 1500", timeout=60_000)
    lab_page.page.evaluate(
        "() => { (document.querySelector('.jp-WindowedPanel-outer') || document.querySelector('.jp-Notebook')).scrollTop = 700; }"
    )
    lab_page.page.wait_for_timeout(100)
    before = lab_page.page.evaluate("() => window.__frames.length")
    lab_page.wait_idle()
    lab_page.page.wait_for_timeout(300)
    frames = lab_page.page.evaluate("() => window.__frames")[before:]
    assert len(lab_page.outputs(1)) == 1
    assert {top for _, _, top in frames} == {700}
    heights = [height for height, _, _ in frames]
    assert min(heights) >= heights[0]
    assert abs(heights[-1] - max(heights)) < 60


def test_a_stopped_answer_stays_and_says_so(lab: Any, lab_page: Any) -> None:
    """After an interrupt the page shows what had come, with a last line, also where code had been left open."""
    source = STREAM.replace("display.finish", "display.interrupt") + "\nstream('Half\\n\\n```python\\nx = 1')"
    lab_page.open(lab.write("stopped.ipynb", [source]))
    lab_page.run_all()
    (html,) = lab_page.outputs(0)
    assert html.rstrip().endswith("<p><em>■ stopped: partial answer</em></p>")


def test_a_failure_is_four_lines(lab: Any, lab_page: Any) -> None:
    """An error looks like a message, not like a traceback, and markup in it is text."""
    source = """from ve_magics.errors import AuthError
from ve_magics.magics.failure import CellError
raise CellError(AuthError("Bad <img src=x onerror='window.__pwned=1'> key.", status=401, target="a/b")) from None"""
    lab_page.open(lab.write("failure.ipynb", [source]))
    lab_page.run_all()
    assert (
        lab_page.text(0).strip().splitlines()[0] == "✗ auth: Bad <img src=x onerror='window.__pwned=1'> key."
    )
    assert len(lab_page.text(0).strip().splitlines()) <= 4
    assert lab_page.page.evaluate("() => window.__pwned") is None


def test_a_saved_answer_is_readable_in_an_untrusted_notebook(lab: Any, lab_page: Any) -> None:
    """A notebook that someone else ran, opened in the dark theme and not run, shows the answer."""
    from ve_magics.magics.markdown.markdown import neutralise

    text = ANSWER.replace("\\\\", "\\")
    data = {"text/markdown": neutralise(text), "text/plain": text}
    output = {"output_type": "display_data", "data": data, "metadata": {"ve_magics": {}}}
    lab_page.open(lab.write("saved.ipynb", ["1"], [output]))
    lab_page.command("apputils:change-theme", theme="JupyterLab Dark")
    lab_page.page.wait_for_selector('body[data-jp-theme-light="false"]', state="attached")
    lab_page.page.wait_for_timeout(500)
    (html,) = lab_page.outputs(0)
    assert "<strong>粗体：</strong>" in html
    assert "mjx-container" in html
    assert lab_page.outside == []


def test_a_video_plays_in_an_untrusted_notebook(lab: Any, lab_page: Any) -> None:
    """A clip beside the notebook, with a Chinese name, loads, shows its poster and plays, trusted or not."""
    from ve_magics.magics.video.player import player

    clip, poster = make_clip(lab.root / "视频 #1" / "猫 & 狗.mp4")
    shown = player(clip, directory=lab.root, width=320, height=240, duration=2.0, poster=poster)
    output = {"output_type": "display_data", "data": shown, "metadata": {}}
    lab_page.open(lab.write("video.ipynb", ["1"], [output]))
    video = lab_page.page.wait_for_selector(".jp-OutputArea-output video")
    lab_page.page.wait_for_function("() => document.querySelector('video').readyState >= 1", timeout=15_000)
    assert video.evaluate("v => [v.videoWidth, v.videoHeight, Math.round(v.duration), v.controls]") == [
        320,
        240,
        2,
        True,
    ]
    assert video.evaluate("v => v.poster.startsWith('data:image/jpeg')")
    shrunk = """v => { const room = v.closest('.jp-OutputArea-child'); room.style.width = '240px';
    const seen = [v.offsetWidth <= 240, v.offsetWidth / v.offsetHeight]; room.style.width = ''; return seen; }"""
    assert video.evaluate(shrunk) == [True, pytest.approx(4 / 3, abs=0.02)]
    video.evaluate("v => { v.muted = true; return v.play(); }")
    lab_page.page.wait_for_function("() => document.querySelector('video').currentTime > 0.3", timeout=15_000)
    assert lab_page.outside == []


def make_clip(path: Path) -> tuple[Path, bytes]:
    """Write a clip of two seconds; return it and its first picture as a JPEG file."""
    import av

    path.parent.mkdir(exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(20):
            frame = av.VideoFrame(320, 240, "rgb24")
            frame.planes[0].update(
                bytes((number * 12, 80, 200 - number * 8)) * (frame.planes[0].buffer_size // 3)
            )
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode())
    jpeg = av.CodecContext.create("mjpeg", "w")
    jpeg.width, jpeg.height, jpeg.pix_fmt, jpeg.time_base = 320, 240, "yuvj420p", Fraction(1, 10)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0)).reformat(format="yuvj420p")
    return path, b"".join(bytes(packet) for packet in [*jpeg.encode(frame), *jpeg.encode(None)])
