"""What a model that thinks aloud says to itself before it answers."""

from __future__ import annotations

from ve_magics.sim.answers import arithmetic
from ve_magics.sim.answers.question import Question
from ve_magics.sim.answers.smalltalk import subject_of
from ve_magics.sim.answers.topics import article_of, topic_of

BUDGETS = {"none": 0, "minimal": 1, "low": 2, "medium": 4, "high": 6, "xhigh": 6, "max": 6}
"""Sentences that each effort is worth."""


def thoughts(question: Question, answer: str) -> str:
    """Return the reasoning before an answer; empty where none is wanted.

    Args:
        question: What is asked.
        answer: What will be answered.
    """
    say = question.say
    asked = " ".join(question.text.split())[:120]
    said = [say(f"The user asks: “{asked}”.", f"用户问的是：“{asked}”。")]
    if sum_ := arithmetic.expression(question.text):
        said += _sums(question, sum_)
    elif name := topic_of(question.text):
        title = article_of(name, chinese=question.chinese).title
        said.append(say(f"This is about {title}, which I know.", f"这与“{title}”有关，我了解这个主题。"))
        said.append(say("I begin with the one sentence that says what it is.", "先用一句话说明它是什么。"))
        said.append(
            say("Then come the points that matter most, and an example.", "再讲最重要的几点，并举一个例子。")
        )
    else:
        subject = subject_of(question.text, chinese=question.chinese)
        said.append(say(f"What matters here is {subject}.", f"关键在于“{subject}”。"))
        said.append(say("Let me see which form the answer should have.", "想一想答案应该用什么形式。"))
    if question.before:
        said.append(say("I keep in mind what was said before.", "要记得前面说过的话。"))
    words = len(answer)
    said.append(
        say(
            f"A clear answer of about {words} characters will do.", f"给出大约 {words} 个字符的清楚回答就好。"
        )
    )
    said.append(say("Nothing contradicts this, so I answer now.", "没有矛盾之处，现在回答。"))
    wanted = BUDGETS.get(question.request.effort or "medium", 4)
    if question.request.thinking_budget == 0:
        wanted = 0
    return say(" ", "").join(said[:wanted])


def _sums(question: Question, sum_: str) -> list[str]:
    result = arithmetic.value(sum_)
    said = [question.say(f"So I need the value of {sum_}.", f"也就是要计算 {sum_}。")]
    if result is not None:
        shown = arithmetic.shown(result)
        said.append(
            question.say(f"Working it out step by step gives {shown}.", f"一步一步算下来是 {shown}。")
        )
        said.append(
            question.say("I check it by estimating: the size is right.", "估算检查一下：数量级是对的。")
        )
    return said
