"""Code that goes with a topic; it runs as it stands, except where it is SQL or a command line."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, str]] = {
    "context_manager": (
        "python",
        """\
from contextlib import contextmanager
from time import perf_counter

@contextmanager
def timed(label):
    start = perf_counter()
    try:
        yield
    finally:
        print(f"{label}: {perf_counter() - start:.3f} s")

with timed("sum"):
    total = sum(range(1_000_000))""",
    ),
    "decorator": (
        "python",
        """\
from functools import wraps

def shout(function):
    @wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs).upper() + "!"
    return wrapper

@shout
def greet(name):
    return f"hello {name}"

print(greet("Ada"))  # HELLO ADA!""",
    ),
    "list_comprehension": (
        "python",
        """\
squares = [n * n for n in range(10) if n % 2 == 0]
print(squares)  # [0, 4, 16, 36, 64]""",
    ),
    "generator": (
        "python",
        """\
def countdown(n):
    while n > 0:
        yield n
        n -= 1

print(list(countdown(3)))  # [3, 2, 1]""",
    ),
    "lambda": (
        "python",
        """\
words = ["pear", "fig", "banana"]
print(sorted(words, key=lambda word: len(word)))  # ['fig', 'pear', 'banana']""",
    ),
    "exception": (
        "python",
        """\
def parse(text):
    try:
        return int(text)
    except ValueError:
        return None

print(parse("42"), parse("forty-two"))  # 42 None""",
    ),
    "class": (
        "python",
        """\
from dataclasses import dataclass

@dataclass
class Point:
    x: float
    y: float

    def distance(self, other):
        return ((self.x - other.x) ** 2 + (self.y - other.y) ** 2) ** 0.5

print(Point(0, 0).distance(Point(3, 4)))  # 5.0""",
    ),
    "async": (
        "python",
        """\
import asyncio

async def fetch(name, seconds):
    await asyncio.sleep(seconds)
    return f"{name} is ready"

async def main():
    print(await asyncio.gather(fetch("a", 0.1), fetch("b", 0.1)))

asyncio.run(main())  # in a notebook: await main()""",
    ),
    "recursion": (
        "python",
        """\
def factorial(n):
    if n <= 1:
        return 1
    return n * factorial(n - 1)

print(factorial(5))  # 120""",
    ),
    "hash_table": (
        "python",
        """\
ages = {"Ada": 36, "Alan": 41}
ages["Grace"] = 85
print(ages.get("Ada"), "Bob" in ages)  # 36 False""",
    ),
    "binary_search": (
        "python",
        """\
from bisect import bisect_left

def find(values, wanted):
    at = bisect_left(values, wanted)
    return at if at < len(values) and values[at] == wanted else -1

print(find([1, 3, 5, 7, 9], 7))  # 3""",
    ),
    "gradient_descent": (
        "python",
        """\
x, rate = 5.0, 0.1
for step in range(50):
    gradient = 2 * (x - 2)  # of (x - 2) ** 2
    x -= rate * gradient
print(round(x, 3))  # 2.0""",
    ),
    "neural_network": (
        "python",
        """\
import math

def neuron(inputs, weights, bias):
    total = sum(x * w for x, w in zip(inputs, weights)) + bias
    return 1 / (1 + math.exp(-total))

print(round(neuron([1.0, 2.0], [0.5, -0.25], 0.1), 3))  # 0.525""",
    ),
    "embedding": (
        "python",
        """\
def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b))
    return dot / (sum(x * x for x in a) ** 0.5 * sum(y * y for y in b) ** 0.5)

print(round(cosine([1, 2, 3], [2, 4, 6]), 3))  # 1.0""",
    ),
    "pandas": (
        "python",
        """\
import pandas as pd

df = pd.DataFrame({"city": ["Paris", "Paris", "Oslo"], "price": [10, 20, 12]})
print(df.groupby("city")["price"].mean())""",
    ),
    "numpy": (
        "python",
        """\
import numpy as np

a = np.arange(6).reshape(2, 3)
print(a * 10 + np.array([1, 2, 3]))""",
    ),
    "http": (
        "python",
        """\
from http import HTTPStatus

for code in (200, 301, 404, 429, 503):
    print(code, HTTPStatus(code).phrase)""",
    ),
    "sql_join": (
        "sql",
        """\
SELECT customers.name, orders.total
FROM customers
LEFT JOIN orders ON orders.customer_id = customers.id;""",
    ),
    "regex": (
        "python",
        """\
import re

text = "Write to ada@example.org or alan@example.com"
print(re.findall(r"[\\w.]+@[\\w.]+", text))""",
    ),
    "git": (
        "bash",
        """\
git switch -c my-branch
git add notes.md
git commit -m "Add notes"
git push -u origin my-branch""",
    ),
    "docker": (
        "dockerfile",
        """\
FROM python:3.12-slim
COPY app.py .
CMD ["python", "app.py"]""",
    ),
    "standard_deviation": (
        "python",
        """\
from statistics import mean, pstdev

values = [2, 4, 4, 4, 5, 5, 7, 9]
print(mean(values), pstdev(values))  # 5 2.0""",
    ),
    "bayes": (
        "python",
        """\
sick, hit, false_alarm = 0.01, 0.99, 0.05
positive = hit * sick + false_alarm * (1 - sick)
print(round(hit * sick / positive, 3))  # 0.167""",
    ),
}
"""Language and code, by topic."""
