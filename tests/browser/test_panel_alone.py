"""The chat panel's bundle on a page of its own, with a kernel that is made up: what views show, and what they send."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

STATE = {
    "conversation": "rivers",
    "model": "",
    "models": ["sim/tutor", "sim/thinker"],
    "standard": "sim/tutor",
    "remote_images": False,
}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0000003010100c9fe92ef"
    "0000000049454e44ae426082"
)
RICH = r"""## Result

Inline $e^{i\pi}+1=0$, it costs $5 and $6, and \(\frac{a}{b}\).

$$
\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} \int_0^\infty e^{-x^2}\,dx = \frac{\sqrt{\pi}}{2}
$$

**粗体：**后文，以及**“引号”**结尾。

| a | b |
|---|--:|
| `x` | 2 |

1. one
2. two
   - [x] done

```python
def f(x: int) -> str:  # a comment
    return f"{x} < 3"
```

> a quote &amp; more &lt;b&gt;
"""
HOSTILE = """<script>window.pwned = 1</script>

<img src=x onerror="window.pwned=1">

![remote](https://example.invalid/track.png)

[run](javascript:window.pwned=1) [coded](&#106;avascript:window.pwned=1) [data](data:text/html,<script>1</script>)
[good](https://example.invalid/page) <https://example.invalid/auto> [mail](mailto:a@example.invalid)

<iframe srcdoc="<script>parent.pwned=1</script>"></iframe> <svg onload=window.pwned=1>

$\\href{javascript:window.pwned=1}{x}$ $\\includegraphics{https://example.invalid/i.png}$

| <img src=x onerror=window.pwned=1> | b |
|---|---|
| <b onclick=1>x</b> | [x](vbscript:1) |

```html
<script>window.pwned = 1</script>
```
"""

Show = Callable[..., Any]


def turn(name: str, question: str = "Q", answer: str = "", **more: Any) -> dict[str, Any]:
    """Return a turn as the kernel tells it."""
    empty: dict[str, Any] = {
        "images": [],
        "reasoning": "",
        "calls": [],
        "pictures": [],
        "notes": [],
        "state": "done",
        "error": [],
        "model": "sim/tutor",
        "facts": "",
    }
    return {"id": name, "question": question, "answer": answer, **empty, **more}


def whole(*turns: dict[str, Any], seq: int = 0) -> dict[str, Any]:
    """Return the message that holds all turns."""
    running = next((one["id"] for one in turns if one["state"] == "streaming"), None)
    return {"is": "whole", "seq": seq, "turns": [*turns], "home": None, "running": running}


def begin(panel: Any, name: str = "t1", seq: int = 1) -> None:
    """Have an answer begin."""
    panel.tell({"is": "turn", "seq": seq, "turn": turn(name, state="streaming"), "nonce": ""})


def test_rich_answer_is_drawn(widget_page: Show) -> None:
    """Headings, maths as MathML, tables, lists, coloured code and bold Chinese are drawn; amounts of money stay."""
    panel = widget_page("chat", STATE)
    panel.tell(whole(turn("t1", "Show everything", RICH, facts="sim/tutor · 1 + 2 tokens")))
    page = panel.page
    assert page.locator("math").count() == 3
    assert page.locator(".ve-wide math").count() == 1
    assert "costs $5 and $6" in page.locator(".ve-md").inner_text()
    assert page.locator(".ve-md strong").all_inner_texts() == ["粗体：", "“引号”"]
    assert page.locator(".ve-md td").all_inner_texts()[1] == "2"
    assert page.locator("input[type=checkbox]").is_checked()
    assert page.locator(".ve-code .ve-k").all_inner_texts() == ["def", "return"]
    assert page.locator(".ve-code .ve-c").inner_text() == "# a comment"
    assert page.locator("blockquote").inner_text() == "a quote & more <b>"
    panel.picture("panel-rich")
    assert panel.problems == []
    assert panel.outside == []


def test_answer_grows_as_if_it_had_come_whole(widget_page: Show) -> None:
    """Whatever the pieces, the page ends as it does for the whole answer, and finished blocks keep their nodes."""
    panel = widget_page("chat", STATE)
    text = RICH + HOSTILE + RICH
    panel.tell(whole(turn("t0", answer=text)))
    panel.tell({"is": "whole", "seq": 0, "turns": [], "home": None, "running": None})
    begin(panel)
    step = 97
    for index, at in enumerate(range(0, len(text), step)):
        panel.tell({"is": "more", "seq": index + 2, "turn": "t1", "text": text[at : at + step]})
        if index == 4:
            panel.page.evaluate(
                "() => { document.querySelector('.ve-md').firstElementChild.dataset.kept = '1' }"
            )
    assert panel.page.locator(".ve-answer").get_attribute("aria-busy") == "true"
    assert panel.page.locator("[data-kept]").count() == 1
    panel.tell(
        {
            "is": "end",
            "seq": index + 3,
            "turn": {"id": "t1", "state": "done", "error": [], "notes": [], "facts": ""},
        }
    )
    assert panel.page.locator(".ve-answer").get_attribute("aria-busy") == "false"
    grown = panel.page.locator(".ve-md").inner_html().replace(' data-kept="1"', "")
    panel.tell(whole(turn("t1", answer=text), seq=999))
    assert panel.page.locator(".ve-md").inner_html() == grown
    assert "pwned" not in panel.page.evaluate("() => Object.keys(window)")


def test_hostile_answer_can_do_nothing(widget_page: Show) -> None:
    """HTML is shown as it was written, no address is loaded, and links lead to http, https and mailto only."""
    panel = widget_page("chat", STATE)
    panel.tell(
        whole(turn("t1", "<img src=x onerror=window.pwned=1>", HOSTILE, reasoning=HOSTILE, notes=[HOSTILE]))
    )
    page = panel.page
    page.wait_for_timeout(200)
    assert page.evaluate("() => window.pwned") is None
    inside = ".ve-log :is(script, iframe, object, embed, form, style, link, meta, base, svg)"
    assert page.locator(inside).count() == 0
    assert page.locator(".ve-log img").count() == 0
    handlers = "() => [...document.querySelectorAll('.ve-log *')].flatMap(n => n.getAttributeNames()).filter(n => n.startsWith('on'))"
    assert page.evaluate(handlers) == []
    links = page.evaluate(
        "() => [...document.querySelectorAll('.ve-log a')].map(a => [a.href, a.rel, a.target])"
    )
    assert {link for link, _, _ in links} == {
        "https://example.invalid/page",
        "https://example.invalid/auto",
        "https://example.invalid/track.png",
        "mailto:a@example.invalid",
    }
    assert {(rel, target) for _, rel, target in links} == {("noopener noreferrer nofollow", "_blank")}
    assert "<script>window.pwned = 1</script>" in page.locator(".ve-md").inner_text()
    panel.picture("panel-hostile")
    assert panel.outside == []


def test_remote_pictures_load_where_the_user_allows_them(widget_page: Show) -> None:
    """With the trait set, a picture's address is asked for, and without a referrer."""
    panel = widget_page("chat", {**STATE, "remote_images": True})
    panel.page.route("**/*", lambda route: route.abort())
    panel.tell(whole(turn("t1", answer="![x](https://example.invalid/a.png) ![y](javascript:1)")))
    assert panel.page.locator(".ve-md img").get_attribute("referrerpolicy") == "no-referrer"
    assert panel.page.locator(".ve-md img").count() == 1


def test_enter_sends_unless_an_input_method_composes(widget_page: Show) -> None:
    """Enter that ends a composition goes to the input method; the next one sends; Shift+Enter makes a line."""
    panel = widget_page("chat", STATE)
    panel.tell(whole())
    box = panel.page.get_by_label("Question")
    box.focus()
    keys = panel.page.context.new_cdp_session(panel.page)
    keys.send("Input.imeSetComposition", {"text": "ni hao", "selectionStart": 6, "selectionEnd": 6})
    seen = panel.page.evaluate_handle(
        "() => { const seen = []; document.querySelector('textarea').addEventListener('keydown', e => seen.push(e.isComposing), true); return seen }"
    )
    panel.page.keyboard.press("Enter")
    assert seen.json_value() == [True]
    assert panel.asked("ask") == []
    keys.send("Input.insertText", {"text": "你好"})
    box.evaluate(
        "node => node.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', keyCode: 229, bubbles: true, cancelable: true}))"
    )
    assert panel.asked("ask") == []
    panel.page.keyboard.press("Shift+Enter")
    panel.page.keyboard.type("abc")
    panel.page.keyboard.press("Enter")
    panel.page.wait_for_function("() => window.widget.sent.some(m => m.do === 'ask')")
    (asked,) = panel.asked("ask")
    assert asked["text"].split() == ["你好", "abc"]
    assert box.input_value() == ""


def test_panel_is_usable_by_keyboard_alone(widget_page: Show) -> None:
    """Tab goes from the model over the answers to question, pictures and send; Escape stops; focus comes back."""
    panel = widget_page("chat", STATE)
    panel.tell(whole(turn("t1", answer="Hello")))
    names = []
    for _ in range(7):
        panel.page.keyboard.press("Tab")
        names.append(
            panel.page.evaluate(
                "() => document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"
            )
        )
    assert names == ["Model", "Conversation", "Copy answer", "Retry", "Question", "Attach pictures", "Send"]
    panel.page.get_by_label("Conversation").focus()
    begin(panel, "t2")
    panel.page.keyboard.press("Escape")
    assert len(panel.asked("stop")) == 1
    assert panel.page.evaluate("() => document.activeElement.getAttribute('aria-label')") == "Question"
    panel.page.get_by_role("button", name="Stop").click()
    assert len(panel.asked("stop")) == 2
    assert panel.page.locator(".ve-chat").get_attribute("data-lm-suppress-shortcuts") == "true"


def test_screen_readers_hear_finished_blocks_once(widget_page: Show) -> None:
    """The growing text itself is silent; finished blocks are said politely, and the end."""
    panel = widget_page("chat", STATE)
    panel.tell(whole())
    begin(panel)
    for seq, text in enumerate(["First para", "graph.\n\nSecond", " one.\n\n"], 2):
        panel.tell({"is": "more", "seq": seq, "turn": "t1", "text": text})
    spoken = panel.page.locator("[aria-live=polite]").locator("div")
    assert spoken.all_inner_texts()[1:] == ["First paragraph."]
    panel.tell(
        {"is": "end", "seq": 5, "turn": {"id": "t1", "state": "done", "error": [], "notes": [], "facts": ""}}
    )
    assert spoken.all_inner_texts()[-1] == "The answer is complete."
    assert panel.page.get_by_role("log").get_attribute("aria-live") == "off"


def test_failure_says_what_to_do_and_can_be_retried(widget_page: Show) -> None:
    """An error stands in the answer's place as an alert; only the last turn can be asked anew."""
    panel = widget_page("chat", STATE)
    lines = ["✗ rate limit: too many requests", "Wait a little and press Retry."]
    panel.tell(whole(turn("t1", answer="Fine"), turn("t2", state="failed", error=lines)))
    assert panel.page.get_by_role("alert").all_inner_texts() == ["\n".join(lines)]
    assert panel.page.get_by_role("button", name="Retry").count() == 1
    panel.picture("panel-error")
    panel.page.get_by_role("button", name="Retry").click()
    assert panel.asked("retry")[0]["turn"] == "t2"
    panel.tell({"is": "turn", "seq": 1, "turn": turn("t2", state="streaming"), "nonce": ""})
    assert panel.page.get_by_role("alert").count() == 0
    assert panel.page.locator(".ve-turn").count() == 2


def test_start_over_reasoning_and_tools_are_seen(widget_page: Show) -> None:
    """A note says that another target began anew, thoughts are folded away, and a tool's call is shown."""
    panel = widget_page("chat", STATE)
    panel.tell(whole())
    begin(panel)
    panel.tell({"is": "more", "seq": 2, "turn": "t1", "text": "Half an", "reasoning": "Let me think."})
    panel.tell({"is": "more", "seq": 3, "turn": "t1", "restart": "↻ b/y: the stream broke off"})
    panel.tell(
        {"is": "more", "seq": 4, "turn": "t1", "text": "Whole.", "reasoning": "Hm.", "calls": ["look(<b>)"]}
    )
    answer = panel.page.locator(".ve-answer")
    assert panel.page.locator(".ve-md").inner_text() == "Whole."
    assert answer.locator(".ve-notes").inner_text() == "↻ b/y: the stream broke off"
    assert answer.locator("details").get_attribute("open") is None
    assert answer.locator(".ve-thoughts").text_content() == "Hm."
    assert answer.locator(".ve-calls").inner_text() == "→ calls look(<b>)"
    panel.picture("panel-streaming")


def test_missed_message_brings_the_whole_again(widget_page: Show) -> None:
    """A view that sees a gap in the numbers asks anew instead of showing an answer with a hole."""
    panel = widget_page("chat", STATE)
    panel.tell(whole())
    begin(panel)
    panel.tell({"is": "more", "seq": 4, "turn": "t1", "text": "end"})
    assert len(panel.asked("hello")) == 2
    assert panel.page.locator(".ve-md").inner_text() == ""
    panel.tell(whole(turn("t1", answer="start and end", state="streaming"), seq=4))
    assert panel.page.locator(".ve-md").inner_text() == "start and end"


def test_views_stay_in_step_and_closing_one_stops_nothing(widget_page: Show) -> None:
    """Two views show the same; the one that closes hears no more and sends nothing."""
    panel = widget_page("chat", STATE)
    panel.page.evaluate("() => window.widget.show()")
    panel.tell(whole())
    begin(panel)
    panel.tell({"is": "more", "seq": 2, "turn": "t1", "text": "Hello"})
    assert panel.page.locator(".ve-md").all_inner_texts() == ["Hello", "Hello"]
    before = len(panel.sent)
    panel.page.evaluate("() => { window.widget.close(0); window.widget.close(1) }")
    assert len(panel.sent) == before
    assert panel.page.evaluate("() => Object.values(window.widget.listeners).flat()") == []


@pytest.mark.parametrize("way", ["paste", "drop", "choose"])
def test_pictures_go_with_the_question(widget_page: Show, way: str) -> None:
    """A picture that is pasted, dropped or chosen is shown, sent as bytes, and shown in the question afterwards."""
    panel = widget_page("chat", STATE)
    panel.tell(whole())
    if way == "choose":
        file = {"name": "a.png", "mimeType": "image/png", "buffer": PNG}
        panel.page.locator("input[type=file]").set_input_files([file])
    else:
        panel.page.evaluate(
            """([way, bytes]) => { const data = new DataTransfer();
            data.items.add(new File([Uint8Array.from(bytes)], 'a.png', {type: 'image/png'}));
            const box = document.querySelector('textarea');
            box.dispatchEvent(way === 'paste' ? new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true})
                : new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true})) }""",
            [way, list(PNG)],
        )
    panel.page.wait_for_selector(".ve-compose img")
    panel.page.get_by_role("button", name="Send").click()
    panel.page.wait_for_function("() => window.widget.sent.some(m => m.do === 'ask')")
    (asked,) = panel.asked("ask")
    assert asked["sizes"] == [len(PNG)]
    begun = turn("t1", "", images=asked["images"], state="streaming")
    panel.tell({"is": "turn", "seq": 1, "turn": begun, "nonce": asked["nonce"]})
    assert panel.page.locator(".ve-question img").evaluate("node => node.src").startswith("blob:")
    assert panel.asked("picture") == []


def test_what_is_no_picture_is_said_before_anything_is_sent(widget_page: Show) -> None:
    """Another kind of file, and one that is too large, are refused with a sentence."""
    panel = widget_page("chat", STATE)
    choose = panel.page.locator("input[type=file]")
    choose.set_input_files([{"name": "a.txt", "mimeType": "text/plain", "buffer": b"x"}])
    assert "a.txt is not a picture" in panel.page.get_by_role("status").inner_text()
    panel.page.evaluate(
        """() => { const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(5000001)], 'b.png', {type: 'image/png'}));
        document.querySelector('textarea').dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true})) }"""
    )
    assert panel.page.get_by_role("status").inner_text() == "b.png is larger than 5 MB."
    assert panel.page.locator(".ve-compose img").count() == 0


def test_pictures_of_an_answer_are_fetched_when_they_are_shown(widget_page: Show) -> None:
    """The view asks once for a picture that it lacks, and says where there is none."""
    panel = widget_page("chat", STATE)
    panel.tell(whole(turn("t1", images=["q1"], pictures=["p1"])))
    assert [message["id"] for message in panel.asked("picture")] == ["q1", "p1"]
    panel.tell({"is": "picture", "id": "p1", "type": "image/png"}, PNG)
    panel.tell({"is": "picture", "id": "q1", "type": ""})
    assert panel.page.locator(".ve-answer .ve-thumbs img").evaluate("node => node.naturalWidth") == 1
    assert "[picture]" in panel.page.locator(".ve-question").inner_text()


def test_refused_question_comes_back_to_its_writer(widget_page: Show) -> None:
    """What the kernel doesn't take stands in the box again, with the reason; other views keep quiet."""
    panel = widget_page("chat", STATE)
    panel.tell(whole())
    panel.page.get_by_label("Question").fill("Hello")
    panel.page.keyboard.press("Enter")
    panel.page.wait_for_function("() => window.widget.sent.some(m => m.do === 'ask')")
    (asked,) = panel.asked("ask")
    panel.tell(
        {"is": "refused", "why": "An answer is coming.", "view": asked["view"], "nonce": asked["nonce"]}
    )
    assert panel.page.get_by_label("Question").input_value() == "Hello"
    assert panel.page.get_by_role("status").inner_text() == "An answer is coming."


def test_busy_kernel_is_told(widget_page: Show) -> None:
    """A question that nobody takes says after a moment that a cell keeps the kernel busy."""
    panel = widget_page("chat", STATE)
    panel.tell(whole())
    panel.page.get_by_label("Question").fill("Hello")
    panel.page.keyboard.press("Enter")
    note = panel.page.locator(".ve-note")
    assert note.inner_text() == "Sending …"
    panel.page.wait_for_function(
        "() => document.querySelector('.ve-note').textContent.includes('busy')", timeout=5000
    )
    (asked,) = panel.asked("ask")
    panel.tell({"is": "turn", "seq": 1, "turn": turn("t1", state="streaming"), "nonce": asked["nonce"]})
    assert note.is_hidden()


def test_model_is_chosen_from_what_is_there(widget_page: Show) -> None:
    """The picker offers the default and every name, asks for living models when it is used, and keeps the choice."""
    panel = widget_page("chat", STATE)
    picker = panel.page.get_by_label("Model")
    assert picker.locator("option").all_inner_texts() == ["sim/tutor (default)", "sim/tutor", "sim/thinker"]
    picker.focus()
    picker.blur()
    picker.focus()
    assert len(panel.asked("models")) == 1
    picker.select_option("sim/thinker")
    assert panel.asked("saved")[0]["model"] == "sim/thinker"
    panel.page.evaluate("() => window.widget.change('models', ['a/b'])")
    assert picker.input_value() == "sim/thinker"
    assert picker.locator("option").all_inner_texts() == ["sim/tutor (default)", "sim/thinker", "a/b"]


def test_answer_and_code_are_copied_as_they_came(widget_page: Show) -> None:
    """The copy buttons give Markdown and code byte for byte."""
    panel = widget_page("chat", STATE, permissions=["clipboard-read", "clipboard-write"])
    panel.page.evaluate(
        "() => { window.copied = []; Object.defineProperty(navigator, 'clipboard', {value: {writeText: async t => { window.copied.push(t) }}}) }"
    )
    panel.tell(whole(turn("t1", answer=RICH)))
    panel.page.get_by_role("button", name="Copy", exact=True).click()
    panel.page.get_by_role("button", name="Copy answer").click()
    code = re.search(r"```python\n(.*?)\n```", RICH, re.DOTALL)
    assert code is not None
    assert panel.page.evaluate("() => window.copied") == [code[1], RICH]


def test_lost_kernel_is_told_and_the_words_stay(widget_page: Show) -> None:
    """A kernel that no longer answers is told, with what to do, and nothing can be sent until it does."""
    panel = widget_page("chat", STATE)
    panel.tell(whole(turn("t1", answer="Hello")))
    panel.page.evaluate("() => window.widget.lose()")
    assert len(panel.asked("hello")) == 2
    panel.page.get_by_text("Run this cell again").wait_for(timeout=5000)
    assert panel.page.get_by_label("Question").is_disabled()
    assert panel.page.locator(".ve-md").inner_text() == "Hello"
    panel.tell(whole(turn("t1", answer="Hello"), seq=1))
    assert panel.page.get_by_label("Question").is_enabled()
    assert panel.page.locator(".ve-note").is_hidden()


def test_dark_and_chinese_without_a_theme_of_the_front_end(widget_page: Show) -> None:
    """Where no front end gives colours, the reader's own scheme holds, with contrast; words follow the language."""
    panel = widget_page("chat", STATE, color_scheme="dark", locale="zh-CN")
    panel.tell(whole(turn("t1", "用中文解释", RICH), turn("t2", "שלום עולם", "مرحبا بالعالم **مهم** `code`")))
    colours = panel.page.locator(".ve-chat").evaluate(
        "n => [getComputedStyle(n).color, getComputedStyle(n).backgroundColor]"
    )
    ink, back = ([int(value) for value in re.findall(r"\d+", colour)[:3]] for colour in colours)
    assert min(ink) - max(back) > 150
    assert panel.page.get_by_role("button", name="发送").is_visible()
    directions = panel.page.locator(".ve-words").evaluate_all(
        "all => all.map(n => getComputedStyle(n).direction)"
    )
    assert directions[0] == "ltr"
    assert directions[1] == "rtl"
    panel.picture("panel-dark-chinese")


def test_facts_are_told_in_the_readers_language(widget_page: Show) -> None:
    """Tokens, an unknown price and where an answer came from are Chinese words to a Chinese reader."""
    panel = widget_page("chat", STATE, locale="zh-CN")
    panel.tell(
        whole(turn("t1", "问", "答") | {"facts": "a/b · 1 + 2 tokens · from the cache · price unknown"})
    )
    assert panel.page.locator(".ve-facts").inner_text() == "a/b · 1 + 2 词元 · 来自缓存 · 价格未知"


def test_an_address_ends_where_chinese_goes_on(widget_page: Show) -> None:
    """No space stands between an address and the Chinese words behind it; they are no part of the link."""
    panel = widget_page("chat", STATE)
    panel.tell(whole(turn("t1", answer="参见https://example.com/a?b=1。下一句，https://example.com/b查看。")))
    links = panel.page.locator(".ve-md a").evaluate_all("all => all.map(n => n.textContent)")
    assert links == ["https://example.com/a?b=1", "https://example.com/b"]
    assert "下一句" in panel.page.locator(".ve-md").inner_text()


def test_formula_that_is_none_stays_as_it_was_written(widget_page: Show) -> None:
    """A broken formula is shown as its source, and an unclosed one waits as text."""
    panel = widget_page("chat", STATE)
    panel.tell(whole(turn("t1", answer=r"Broken $\frac{a$ and $\nosuch{x}$ end" + "\n\n$$\nx + 1")))
    text = panel.page.locator(".ve-md").inner_text()
    assert r"\nosuch{x}" in text
    assert "x + 1" in text
    assert panel.problems == []


def test_very_long_answer_stays_quick(widget_page: Show) -> None:
    """An answer of 8,000 words that comes in 50 messages is drawn as they come."""
    panel = widget_page("chat", STATE)
    panel.tell(whole())
    begin(panel)
    seconds = panel.page.evaluate(
        """async () => { const start = performance.now(); let seq = 1
        for (let n = 0; n < 50; n++) { let text = ''; for (let k = 0; k < 160; k++) text += ' word' + k; text += '.\\n\\n'
          await window.widget.tell({is: 'more', seq: ++seq, turn: 't1', text}) }
        return (performance.now() - start) / 1000 }"""
    )
    assert panel.page.locator(".ve-md p").count() == 50
    assert seconds < 15


def test_newest_words_are_in_sight_unless_the_reader_looks_elsewhere(widget_page: Show) -> None:
    """The panel follows the answer, through changes of the page too; scrolling up stops that, a question begins it."""
    panel = widget_page("chat", STATE)
    panel.tell(whole(*(turn(f"t{n}", answer="line\n\n" * 20) for n in range(3))))
    log = panel.page.get_by_role("log")
    below = "n => n.scrollHeight - n.scrollTop - n.clientHeight"
    assert log.evaluate(below) < 3
    log.evaluate("n => { n.style.fontSize = '150%' }")
    begin(panel, "t4")
    panel.tell({"is": "more", "seq": 2, "turn": "t4", "text": "line\n\n" * 20})
    assert log.evaluate(below) < 3
    log.evaluate("n => { n.scrollTop = 0 }")
    panel.page.wait_for_timeout(100)
    panel.tell({"is": "more", "seq": 3, "turn": "t4", "text": "line\n\n" * 20})
    assert log.evaluate("n => n.scrollTop") == 0
    panel.tell(
        {"is": "end", "seq": 4, "turn": {"id": "t4", "state": "done", "error": [], "notes": [], "facts": ""}}
    )
    begin(panel, "t5", 5)
    assert log.evaluate(below) < 3
