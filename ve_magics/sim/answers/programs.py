"""Programs that people ask for most, in Python that runs as it stands, and a few in other languages."""

from __future__ import annotations

from typing import NamedTuple


class Program(NamedTuple):
    """A program.

    Attributes:
        keys: Words by which it is asked for, in lower case.
        english: What it does.
        chinese: The same in Chinese.
        code: Python.
    """

    keys: tuple[str, ...]
    english: str
    chinese: str
    code: str


PROGRAMS: tuple[Program, ...] = (
    Program(
        ("hello world", "hello, world", "你好世界"),
        "It prints a greeting.",
        "它打印一句问候。",
        'print("Hello, world!")',
    ),
    Program(
        ("fibonacci", "斐波那契", "斐波纳契"),
        "It returns the first `n` Fibonacci numbers; each is the sum of the two before it.",
        "它返回前 `n` 个斐波那契数，每个数都是前两个之和。",
        """\
def fibonacci(n):
    numbers = []
    a, b = 0, 1
    for _ in range(n):
        numbers.append(a)
        a, b = b, a + b
    return numbers

print(fibonacci(10))  # [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]""",
    ),
    Program(
        ("prime", "primes", "sieve", "质数", "素数"),
        "It finds all primes up to `limit` with the sieve of Eratosthenes.",
        "它用埃拉托斯特尼筛法找出不超过 `limit` 的所有质数。",
        """\
def primes(limit):
    sieve = [True] * (limit + 1)
    sieve[:2] = [False] * min(2, limit + 1)
    for n in range(2, int(limit**0.5) + 1):
        if sieve[n]:
            sieve[n * n :: n] = [False] * len(sieve[n * n :: n])
    return [n for n, is_prime in enumerate(sieve) if is_prime]

print(primes(30))  # [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]""",
    ),
    Program(
        ("factorial", "阶乘"),
        "It multiplies all whole numbers from 1 to `n`.",
        "它把 1 到 `n` 的整数相乘。",
        """\
def factorial(n):
    if n < 0:
        raise ValueError("n must not be negative")
    result = 1
    for k in range(2, n + 1):
        result *= k
    return result

print(factorial(5))  # 120""",
    ),
    Program(
        ("quicksort", "quick sort", "sorting", "sort a list", "sort", "快速排序", "快排", "排序"),
        "It sorts a list with quicksort: smaller values go left of a pivot, larger ones right.",
        "它用快速排序给列表排序：比基准小的放左边，大的放右边。",
        """\
def quicksort(values):
    if len(values) <= 1:
        return values
    pivot = values[len(values) // 2]
    left = [v for v in values if v < pivot]
    middle = [v for v in values if v == pivot]
    right = [v for v in values if v > pivot]
    return quicksort(left) + middle + quicksort(right)

print(quicksort([5, 2, 9, 1, 5, 6]))  # [1, 2, 5, 5, 6, 9]""",
    ),
    Program(
        ("bubble sort", "冒泡排序", "冒泡"),
        "It sorts a list by swapping neighbours until nothing is left to swap.",
        "它不断交换相邻的元素，直到没有可交换的为止。",
        """\
def bubble_sort(values):
    values = list(values)
    for end in range(len(values) - 1, 0, -1):
        for i in range(end):
            if values[i] > values[i + 1]:
                values[i], values[i + 1] = values[i + 1], values[i]
    return values

print(bubble_sort([5, 2, 9, 1]))  # [1, 2, 5, 9]""",
    ),
    Program(
        ("binary search", "二分"),
        "It finds a value in a sorted list by halving the range, and returns -1 where it isn't there.",
        "它在有序列表里不断减半范围来查找，找不到时返回 -1。",
        """\
def binary_search(values, wanted):
    low, high = 0, len(values) - 1
    while low <= high:
        middle = (low + high) // 2
        if values[middle] == wanted:
            return middle
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle - 1
    return -1

print(binary_search([1, 3, 5, 7, 9], 7))  # 3""",
    ),
    Program(
        ("palindrome", "回文"),
        "It tells whether a text reads the same both ways, ignoring case and punctuation.",
        "它判断文本正反读是否相同，忽略大小写和标点。",
        """\
def is_palindrome(text):
    letters = [c.lower() for c in text if c.isalnum()]
    return letters == letters[::-1]

print(is_palindrome("A man, a plan, a canal: Panama"))  # True""",
    ),
    Program(
        ("reverse a string", "reverse string", "reverses a string", "reverse", "反转", "倒序"),
        "It returns the text backwards.",
        "它把文本反过来。",
        """\
def reverse(text):
    return text[::-1]

print(reverse("notebook"))  # koobeton""",
    ),
    Program(
        ("fizzbuzz", "fizz buzz"),
        "It counts, and says Fizz for multiples of 3 and Buzz for multiples of 5.",
        "它依次报数，3 的倍数报 Fizz，5 的倍数报 Buzz。",
        """\
def fizzbuzz(n):
    return ["Fizz" * (i % 3 == 0) + "Buzz" * (i % 5 == 0) or str(i) for i in range(1, n + 1)]

print(" ".join(fizzbuzz(15)))""",
    ),
    Program(
        (
            "word count",
            "count words",
            "counts words",
            "count the words",
            "word frequency",
            "词频",
            "统计单词",
            "统计词",
        ),
        "It counts how often each word occurs.",
        "它统计每个词出现的次数。",
        """\
import re
from collections import Counter

def word_count(text):
    return Counter(re.findall(r"\\w+", text.lower()))

print(word_count("the cat and the hat").most_common(2))  # [('the', 2), ('cat', 1)]""",
    ),
    Program(
        ("csv",),
        "It reads a CSV file with the standard library and sums a column.",
        "它用标准库读取 CSV 文件，并对一列求和。",
        """\
import csv
import io

data = io.StringIO("name,price\\napple,3\\npear,4\\n")  # or: open("data.csv", newline="")
rows = list(csv.DictReader(data))
print(sum(float(row["price"]) for row in rows))  # 7.0""",
    ),
    Program(
        ("json",),
        "It turns a Python value into JSON and back.",
        "它把 Python 的值变成 JSON，再变回来。",
        """\
import json

text = json.dumps({"name": "Ada", "languages": ["en", "zh"]}, ensure_ascii=False, indent=2)
print(text)
print(json.loads(text)["name"])  # Ada""",
    ),
    Program(
        ("average", "mean", "median", "statistics", "平均", "中位数", "统计"),
        "It works out mean, median and standard deviation of a list of numbers.",
        "它计算一组数的平均值、中位数和标准差。",
        """\
from statistics import mean, median, stdev

values = [3, 5, 7, 9, 11]
print(mean(values), median(values), round(stdev(values), 2))  # 7 7 3.16""",
    ),
    Program(
        ("celsius", "fahrenheit", "temperature", "摄氏", "华氏", "温度"),
        "It turns degrees Celsius into Fahrenheit and back.",
        "它在摄氏度和华氏度之间换算。",
        """\
def to_fahrenheit(celsius):
    return celsius * 9 / 5 + 32

def to_celsius(fahrenheit):
    return (fahrenheit - 32) * 5 / 9

print(to_fahrenheit(100), to_celsius(32))  # 212.0 0.0""",
    ),
    Program(
        ("gcd", "greatest common divisor", "最大公约数"),
        "It finds the greatest common divisor with Euclid's algorithm.",
        "它用欧几里得算法求最大公约数。",
        """\
def gcd(a, b):
    while b:
        a, b = b, a % b
    return abs(a)

print(gcd(48, 36))  # 12""",
    ),
    Program(
        ("linear regression", "least squares", "线性回归", "最小二乘"),
        "It fits a straight line through points by least squares.",
        "它用最小二乘法拟合一条直线。",
        """\
def fit_line(xs, ys):
    n = len(xs)
    mean_x, mean_y = sum(xs) / n, sum(ys) / n
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys)) / sum((x - mean_x) ** 2 for x in xs)
    return slope, mean_y - slope * mean_x

print(fit_line([1, 2, 3, 4], [3, 5, 7, 9]))  # (2.0, 1.0)""",
    ),
    Program(
        ("plot", "chart", "sine", "matplotlib", "画图", "绘图", "正弦", "图表"),
        "It draws a sine wave with matplotlib.",
        "它用 matplotlib 画一条正弦曲线。",
        """\
import math
import matplotlib.pyplot as plt

xs = [i / 20 for i in range(126)]
plt.plot(xs, [math.sin(x) for x in xs])
plt.xlabel("x")
plt.ylabel("sin(x)")
plt.show()""",
    ),
    Program(
        ("password", "密码"),
        "It makes a random password from letters, digits and signs.",
        "它用字母、数字和符号生成随机密码。",
        """\
import secrets
import string

def password(length=16):
    signs = string.ascii_letters + string.digits + "!?-_"
    return "".join(secrets.choice(signs) for _ in range(length))

print(len(password()))  # 16""",
    ),
    Program(
        ("timer", "how long", "measure time", "计时"),
        "It measures how long a piece of code takes.",
        "它测量一段代码运行的时间。",
        """\
from time import perf_counter

start = perf_counter()
total = sum(range(1_000_000))
print(f"{perf_counter() - start:.3f} s")""",
    ),
    Program(
        ("add two numbers", "adds two numbers", "sum of two", "两个数相加", "两数之和", "加法"),
        "It adds two numbers.",
        "它把两个数相加。",
        """\
def add(a, b):
    return a + b

print(add(2, 3))  # 5""",
    ),
)
"""Programs, those with the more telling keys first."""

OTHERS: dict[str, tuple[tuple[str, ...], str]] = {
    "javascript": (
        ("javascript", "js", "node"),
        """\
function fibonacci(n) {
  const numbers = [0, 1];
  while (numbers.length < n) numbers.push(numbers.at(-1) + numbers.at(-2));
  return numbers.slice(0, n);
}

console.log(fibonacci(10).join(" "));""",
    ),
    "sql": (
        ("sql",),
        """\
SELECT city, COUNT(*) AS customers, AVG(total) AS mean_total
FROM orders
WHERE created_at >= '2026-01-01'
GROUP BY city
ORDER BY customers DESC
LIMIT 10;""",
    ),
    "bash": (
        ("bash", "shell"),
        """\
#!/usr/bin/env bash
set -euo pipefail
for file in *.txt; do
  printf '%s: %s lines\\n' "$file" "$(wc -l < "$file")"
done""",
    ),
    "html": (
        ("html", "网页"),
        """\
<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>Hello</title></head>
  <body><h1>Hello, world!</h1></body>
</html>""",
    ),
    "java": (
        ("java",),
        """\
public class Main {
    public static void main(String[] args) {
        System.out.println("Hello, world!");
    }
}""",
    ),
    "c": (
        ("c language", "in c", "c语言"),
        '#include <stdio.h>\n\nint main(void) {\n    puts("Hello, world!");\n    return 0;\n}',
    ),
    "cpp": (("c++", "cpp"), '#include <iostream>\n\nint main() {\n    std::cout << "Hello, world!\\n";\n}'),
    "go": (
        ("golang", "in go"),
        'package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println("Hello, world!")\n}',
    ),
    "rust": (("rust",), 'fn main() {\n    println!("Hello, world!");\n}'),
    "r": (("in r", "r language", "r语言"), "values <- c(2, 4, 6)\nprint(mean(values))"),
}
"""By the name of a code block: the words that ask for the language, and a program in it."""
