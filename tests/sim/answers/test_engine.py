"""What the simulated models say."""

from __future__ import annotations

import ast
import contextlib
import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ve_magics.messages import ChatRequest, Image, Reasoning, Text, assistant, system, user
from ve_magics.sim.answers.engine import reply
from ve_magics.sim.film import png, poster

del png


def said(*turns: str, prompt: str = "", variant: int = 0) -> str:
    """Return the answer to the last of the user's turns; the model's own turns stand between."""
    messages = [user(text) if number % 2 == 0 else assistant(text) for number, text in enumerate(turns)]
    if prompt:
        messages.insert(0, system(prompt))
    parts = reply(ChatRequest(model="tutor", messages=tuple(messages)), variant=variant).parts
    return "".join(part.text for part in parts if isinstance(part, Text))


@settings(max_examples=150)
@given(st.text(max_size=200), st.text(max_size=60))
def test_anything_gets_an_answer(text: str, prompt: str) -> None:
    """Whatever is typed, there are words, the same ones every time."""
    answer = said(text, prompt=prompt)
    assert answer.strip()
    assert answer == said(text, prompt=prompt)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("hello", "simulated tutor"),
        ("你好", "模拟导师"),
        ("Who are you?", "`sim/tutor`"),
        ("你是谁？", "`sim/tutor`"),
        ("What can you do?", "JSON Schema"),
        ("How are you?", "well"),
        ("Thanks a lot!", "welcome"),
        ("谢谢", "不客气"),
        ("Goodbye", "Goodbye"),
        ("Say hello world", "hello world"),
        ("Reply with the single word: pong", "pong"),
        ("What is 17 * 23?", "391"),
        ("计算 12 加 7", "19"),
        ("What is 15% of 80?", "12"),
        ("2^10", "1024"),
        ("What is the square root of 144?", "= 12"),
        ("1/3 + 1/6", "0.5"),
        ("What is -3 + 5?", "2"),
        ("2^100000", "too large"),
        ("what is sqrt(2)?", "1.414213562"),
        ("2**0.5", "1.414213562"),
        ("2^-2", "0.25"),
        ("17 % 5", "2"),
        ("10 / 3", "3.333333333"),
        ("10/0", "no value"),
        ("What is the capital of France?", "**Paris**"),
        ("中国的首都是哪里？", "**北京**"),
        ("How many planets are there?", "eight"),
        ("Who wrote Hamlet?", "Shakespeare"),
        ("What is a context manager?", "__exit__"),
        ("什么是光合作用？", "叶绿素"),
        ("Explain gradient descent", "\\theta"),
        ("Why is the sky blue?", "\\lambda"),
        ("What is a black hole?", "event horizon"),
        ("Translate 'good morning' to Chinese", "早上好"),
        ("把“今天天气很好”翻译成英文", "The weather is nice today"),
        ("How do you say thank you in French?", "merci"),
        ("Translate to English: 我喜欢猫", "I like cat"),
        ("Translate this sentence to Chinese: I like the cat.", "我喜欢猫。"),
        ("请把 good luck 翻译成中文", "祝你好运"),
        ("Translate “Hello” to Spanish", "Hola"),
        ("“你好”用英文怎么说？", "Hello"),
        ("Translate to German: quantum flux capacitor", "beyond the small dictionary"),
        ("Classify the sentiment: I love this great phone", "positive"),
        ("Sentiment? The food was not good and the waiter was rude.", "negative"),
        ("判断情感：这家店的菜很难吃", "负面"),
        ("Write a haiku about the sea", "the sea"),
        ("Tell me a joke", ""),
        ("讲个笑话", ""),
        ("Tell me a story about a fox", "a fox"),
        ("Write an email to my boss about holidays", "Subject"),
        ("写一首关于春天的诗", "春天"),
        ("Give me a slogan for a bakery", "bakery"),
        ("List 3 fruits", "3. orange"),
        ("列出三种编程语言", "3. Java"),
        ("Give me 4 ideas for a science fair", "4. "),
        ("Compare list and tuple in a table", "| Can change | yes | no |"),
        ("用表格比较猫和狗", "| 需要遛 |"),
        ("Show the planets as a table", "| 8 | Neptune |"),
        ("Summarise HTTP in a table", "| 1 |"),
        ("", "empty"),
        ("Why do cats purr?", "simulated tutor"),
        ("为什么猫喜欢盒子？", "模拟的导师"),
    ],
)  # fmt: skip
def test_usual_questions_get_sensible_answers(question: str, expected: str) -> None:
    """Each usual question is answered by what belongs to it."""
    assert expected in said(question)


@pytest.mark.parametrize(
    ("question", "sentences", "bullets"),
    [
        ("Explain recursion in one sentence", 1, 0),
        ("用三句话解释机器学习", 3, 0),
        ("Explain recursion in 2 bullet points", 0, 2),
        ("用三个要点介绍黑洞", 0, 3),
        ("Briefly, what is HTTP?", 2, 0),
    ],
)
def test_the_asked_length_is_kept(question: str, sentences: int, bullets: int) -> None:
    """Sentences and bullets are as many as were asked for."""
    answer = said(question)
    assert answer.count("\n- ") + answer.startswith("- ") == bullets
    if sentences:
        assert len(re.findall(r"[.!?](?:\s|$)|[。！？]", answer)) == sentences


def test_the_system_prompt_decides_language_and_length() -> None:
    """What the system asks for holds, unless the user asks for something else."""
    assert "递归就是" in said("What is recursion?", prompt="Always answer in Chinese.")
    assert said("什么是递归？", prompt="Answer in English, in one sentence.").startswith("Recursion is")
    assert said("What is recursion?", prompt="Use 20 words.").count(".") == 1
    assert "Recursion" in said("用英文回答：什么是递归？")


@pytest.mark.parametrize(
    ("told", "question", "expected"),
    [
        ("My name is Ada.", "What is my name?", "Ada"),
        ("Hi! I'm called Bob and I like tea", "Do you know my name?", "Bob"),
        ("我叫小明", "我叫什么名字？", "小明"),
        ("My favourite colour is green.", "What is my favourite colour?", "green"),
        ("我最喜欢的颜色是蓝色", "我最喜欢的颜色是什么？", "蓝色"),
        ("Remember that the code is 42", "What did I ask you to remember?", "42"),
        ("What is HTTP?", "What did I just ask?", "What is HTTP?"),
        ("What is recursion?", "Give me an example of it", "factorial"),
        ("hello", "What is my name?", "haven't told"),
        ("hello", "What do you remember about me?", "Nothing yet"),
    ],
)
def test_the_conversation_is_remembered(told: str, question: str, expected: str) -> None:
    """What was said before answers what is asked now."""
    assert expected in said(told, "All right.", question)


def test_being_told_something_is_acknowledged() -> None:
    """A name, a fact and a wish to remember each get a fitting word."""
    assert "Nice to meet you, Ada" in said("My name is Ada")
    assert "green" in said("My favourite colour is green")
    assert "remember" in said("Remember that the door is blue")
    assert said("What did I say first?") == "This is your first message."


def test_code_runs_as_it_stands() -> None:
    """Every program that is written compiles, and prints what its comment says."""
    for wish in ("fibonacci", "primes", "factorial", "quicksort", "bubble sort", "binary search", "palindrome",
                 "reverse a string", "word count", "average", "temperature", "gcd", "linear regression"):  # fmt: skip
        block = re.search(r"```python\n(.*?)```", said(f"Write a Python function for {wish}"), re.DOTALL)
        assert block is not None
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block[1], wish, "exec"), {})
        if expected := re.search(r"# (\S.*)\n?$", block[1].rstrip()):
            assert out.getvalue().strip() == expected[1]


@pytest.mark.parametrize(
    ("wish", "language"),
    [("Write a SQL query", "sql"), ("Write a JavaScript function", "javascript"), ("写一个Rust程序", "rust"),
     ("写一个冒泡排序函数", "python"), ("Write code that frobnicates widgets", "python"), ("How do I read a CSV file in Python?", "python")],
)  # fmt: skip
def test_code_comes_in_the_asked_language(wish: str, language: str) -> None:
    """The block is marked with its language, and Python can be read."""
    block = re.search(r"```(\w+)\n(.*?)```", said(wish), re.DOTALL)
    assert block is not None
    assert block[1] == language
    if language == "python":
        ast.parse(block[2])


def test_only_code_where_only_code_is_wanted() -> None:
    """No word stands beside the block."""
    answer = said("Write a Python function for gcd, only code")
    assert answer.startswith("```")
    assert answer.endswith("```")


def test_code_is_explained() -> None:
    """Imports, functions, classes and calls are named in order; what isn't Python is said to be so."""
    code = "import math\n\nclass A:\n    pass\n\ndef f(x):\n    return f(x - 1)\n\ny = 1\nfor i in []:\n    pass\nif y:\n    pass\nprint(y)\ndel y"
    answer = said(f"Explain this code:\n```python\n{code}\n```")
    for word in ("`math`", "class `A`", "`f`", "calls itself", "`y`", "loops", "print(y)", "delete"):
        assert word in answer
    assert "isn't valid Python" in said("Explain:\n```python\ndef (:\n```")


def test_summaries_are_taken_from_the_text() -> None:
    """Every sentence of a summary stands in the text, and their number is the asked one."""
    text = (
        "Cats are small mammals. They sleep for most of the day. People have kept cats for thousands of years because "
        "cats catch mice. Some cats like water."
    )
    one = said(f"Summarize in one sentence: {text}")
    assert one in text
    bullets = said(f"{text}\n\nGive me the key points as 2 bullet points").split("\n")
    assert [line[2:] in text for line in bullets] == [True, True]
    assert (
        said(
            "用一句话总结：猫是小型哺乳动物。它们每天大部分时间都在睡觉。人们养猫已有几千年，因为猫会抓老鼠。"
        ).count("。")
        == 1
    )


def test_a_very_long_prompt_is_answered_in_time() -> None:
    """No text makes the rules slow: the worst that they were seen to meet take a moment."""
    import time

    for text in (
        "1" * 50_000,
        "A " * 25_000,
        "a@" * 20_000,
        "my favourite " * 4000,
        "(" * 30_000,
        "what is the " * 4000,
    ):
        begun = time.perf_counter()
        assert said(text)
        assert time.perf_counter() - begun < 5


PASSAGES = "[1] Foxes live in dens under the ground.\n[2] Bears sleep through the winter.\n\n"


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (PASSAGES + "Question: Where do foxes live?", "Foxes live in dens under the ground [1]."),
        (PASSAGES + "When do bears sleep?", "Bears sleep through the winter [2]."),
        (PASSAGES + "Question: What is the capital of Peru?", "don't answer"),
        ("资料1：狐狸住在地下的洞穴里。\n资料2：熊在冬天睡觉。\n\n问题：狐狸住在哪里？", "[1]"),
        (
            "<doc id=1>Owls hunt at night.</doc>\n<doc id=2>Crows are clever.</doc>\nWhat do owls hunt at night?",
            "[1]",
        ),
    ],
)
def test_passages_are_cited(prompt: str, expected: str) -> None:
    """The answer is a sentence of a passage with its number; without one it says so."""
    assert expected in said(prompt)


def test_passages_may_stand_in_the_system_prompt() -> None:
    """Documents of the system answer the user."""
    assert "[2]" in said("When do bears sleep?", prompt=f"Answer from these passages only.\n{PASSAGES}")


def test_pictures_are_seen_by_size_and_colour() -> None:
    """Size, shape and the main colour of a PNG are told; what can't be read is said so."""
    import struct
    import zlib

    def drawn(width: int, height: int, pixel: bytes, kind: int, method: int = 0) -> bytes:
        rows = b"".join(bytes([method]) + (pixel * width if method == 0 or row == 0 else bytes(len(pixel) * width))
                        for row in range(height)) if method in (0, 2) else b""  # fmt: skip
        head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
        chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I4s", len(body), name) + body + b"\0\0\0\0" for name, body in chunks
        )

    def seen(data: bytes, media_type: str = "image/png", text: str = "What is this?") -> str:
        request = ChatRequest(model="tutor", messages=(user(text, Image(data, media_type)),))
        return "".join(part.text for part in reply(request).parts if isinstance(part, Text))

    assert "200 × 100 pixels, landscape, mostly red" in seen(drawn(200, 100, b"\xf0\x10\x10", 2))
    assert "50 × 100 pixels, portrait, mostly blue" in seen(drawn(50, 100, b"\x20\x40\xe0\xff", 6, method=2))
    assert "30 × 30 pixels, square, mostly white" in seen(drawn(30, 30, b"\xff", 0))
    assert "绿色" in seen(drawn(8, 8, b"\x20\xa0\x40", 2), text="这是什么？")
    assert "128 × 128" in seen(poster("a green hill", width=128, height=128))
    jpeg = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x00\x40\x00\x80" + bytes(20)
    assert "128 × 64" in seen(jpeg, "image/jpeg")
    assert "16 × 9" in seen(b"GIF89a\x10\x00\x09\x00", "image/gif")
    assert "can't read" in seen(b"nothing")
    request = ChatRequest(
        model="tutor", messages=(user("Look", Image(url="https://example.org/a.png"), Image(b"x")),)
    )
    both = "".join(part.text for part in reply(request).parts if isinstance(part, Text))
    assert both.startswith("1. I was given only the address")


def test_thoughts_come_first_and_by_effort() -> None:
    """The more effort, the more is thought; none means none."""
    lengths = []
    for effort in ("none", "low", "high"):
        request = ChatRequest(model="thinker", messages=(user("Why is the sky blue?"),), effort=effort)
        parts = reply(request, thinks=True).parts
        lengths.append(sum(len(part.text) for part in parts if isinstance(part, Reasoning)))
    assert lengths[0] == 0 < lengths[1] < lengths[2]
