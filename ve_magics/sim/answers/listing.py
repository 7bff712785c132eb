"""Lists and tables."""

from __future__ import annotations

import re

from ve_magics.sim.answers.question import Question
from ve_magics.sim.answers.smalltalk import subject_of
from ve_magics.sim.answers.topics import article_of, topic_of


def _items(text: str) -> tuple[str, ...]:
    """Return the items of a text that lists them, as in `red / green`."""
    return tuple(text.split(" / "))


def _rows(text: str) -> tuple[tuple[str, ...], ...]:
    """Return the rows of a table that a text writes, a row a line."""
    return tuple(tuple(cell.strip() for cell in line.split("|")) for line in text.strip().splitlines())


LISTS = (
    (
        _items("planet / 行星"),
        _items("Mercury / Venus / Earth / Mars / Jupiter / Saturn / Uranus / Neptune"),
        _items("水星 / 金星 / 地球 / 火星 / 木星 / 土星 / 天王星 / 海王星"),
    ),
    (
        _items("programming language / 编程语言"),
        _items("Python / JavaScript / Java / C++ / Go / Rust / SQL / R / Julia / Kotlin"),
        _items("Python / JavaScript / Java / C++ / Go / Rust / SQL / R / Julia / Kotlin"),
    ),
    (
        _items("python librar / python package / data science librar / python库 / python 库 / 第三方库"),
        _items("NumPy / pandas / matplotlib / scikit-learn / SciPy / requests / PyTorch / Flask"),
        _items("NumPy / pandas / matplotlib / scikit-learn / SciPy / requests / PyTorch / Flask"),
    ),
    (
        _items("colour / color / 颜色"),
        _items("red / orange / yellow / green / blue / violet / pink / brown"),
        _items("红色 / 橙色 / 黄色 / 绿色 / 蓝色 / 紫色 / 粉色 / 棕色"),
    ),
    (
        _items("fruit / 水果"),
        _items("apple / banana / orange / pear / grape / mango / cherry / kiwi"),
        _items("苹果 / 香蕉 / 橙子 / 梨 / 葡萄 / 芒果 / 樱桃 / 猕猴桃"),
    ),
    (
        _items("animal / 动物"),
        _items("cat / dog / horse / elephant / fox / panda / owl / dolphin"),
        _items("猫 / 狗 / 马 / 大象 / 狐狸 / 熊猫 / 猫头鹰 / 海豚"),
    ),
    (
        _items("rivers in china / chinese river / 中国的河 / 中国的大河"),
        _items("Yangtze / Yellow River / Pearl River / Lancang / Heilongjiang / Huai River"),
        _items("长江 / 黄河 / 珠江 / 澜沧江 / 黑龙江 / 淮河"),
    ),
    (
        _items("river / 河流 / 大河"),
        _items("Nile / Amazon / Yangtze / Yellow River / Mekong / Danube / Rhine / Ganges"),
        _items("尼罗河 / 亚马孙河 / 长江 / 黄河 / 湄公河 / 多瑙河 / 莱茵河 / 恒河"),
    ),
    (
        _items("mountain / 高山 / 山峰"),
        _items("Mount Everest / K2 / Kangchenjunga / Lhotse / Makalu / Kilimanjaro / Mont Blanc"),
        _items("珠穆朗玛峰 / 乔戈里峰 / 干城章嘉峰 / 洛子峰 / 马卡鲁峰 / 乞力马扎罗山 / 勃朗峰"),
    ),
    (
        _items("countr / 国家"),
        _items("China / France / Brazil / Kenya / Japan / Canada / Norway / India"),
        _items("中国 / 法国 / 巴西 / 肯尼亚 / 日本 / 加拿大 / 挪威 / 印度"),
    ),
    (
        _items("cit / 城市"),
        _items("Paris / Beijing / Tokyo / Nairobi / London / Oslo / Lima / Sydney"),
        _items("北京 / 巴黎 / 东京 / 内罗毕 / 伦敦 / 奥斯陆 / 利马 / 悉尼"),
    ),
    (
        _items("ocean / 大洋"),
        _items("Pacific / Atlantic / Indian Ocean / Southern Ocean / Arctic Ocean"),
        _items("太平洋 / 大西洋 / 印度洋 / 南大洋 / 北冰洋"),
    ),
    (
        _items("days of the week / weekday / 星期"),
        _items("Monday / Tuesday / Wednesday / Thursday / Friday / Saturday / Sunday"),
        _items("星期一 / 星期二 / 星期三 / 星期四 / 星期五 / 星期六 / 星期日"),
    ),
)
"""The words that ask for a list, its items in English and in Chinese."""

TABLES = {
    ("list", "tuple"): (
        _rows("""
             | list | tuple
            Written | `[1, 2]` | `(1, 2)`
            Can change | yes | no
            Key of a dict | no | yes
            Used for | many things of one kind | a few fixed fields
        """),
        _rows("""
             | 列表 | 元组
            写法 | `[1, 2]` | `(1, 2)`
            可以修改 | 是 | 否
            能作字典的键 | 否 | 是
            用途 | 许多同类的东西 | 几个固定的字段
        """),
    ),
    ("list", "set"): (
        _rows("""
             | list | set
            Order | kept | none
            Duplicates | allowed | removed
            `x in …` | $O(n)$ | $O(1)$
        """),
        _rows("""
             | 列表 | 集合
            顺序 | 保留 | 没有
            重复 | 允许 | 去掉
            `x in …` | $O(n)$ | $O(1)$
        """),
    ),
    ("python", "r"): (
        _rows("""
             | Python | R
            Made for | everything | statistics
            Tables | pandas | data.frame
            Plots | matplotlib | ggplot2
        """),
        _rows("""
             | Python | R
            面向 | 通用 | 统计
            表格 | pandas | data.frame
            绘图 | matplotlib | ggplot2
        """),
    ),
    ("python", "javascript"): (
        _rows("""
             | Python | JavaScript
            Runs in | servers, notebooks | browsers, servers
            Blocks | indentation | braces
            Packages | pip | npm
        """),
        _rows("""
             | Python | JavaScript
            运行于 | 服务器、笔记本 | 浏览器、服务器
            代码块 | 缩进 | 大括号
            包管理 | pip | npm
        """),
    ),
    ("supervised", "unsupervised"): (
        _rows("""
             | Supervised | Unsupervised
            Answers given | yes | no
            Finds | a rule | a structure
            Example | spam filter | customer groups
        """),
        _rows("""
             | 监督学习 | 无监督学习
            有标准答案 | 是 | 否
            目标 | 规律 | 结构
            例子 | 垃圾邮件过滤 | 客户分群
        """),
    ),
    ("cat", "dog"): (
        _rows("""
             | Cats | Dogs
            Live | on their own terms | in a pack
            Sleep a day | 12–16 h | 12–14 h
            Need walks | no | yes
        """),
        _rows("""
             | 猫 | 狗
            性格 | 独立 | 合群
            每天睡眠 | 12–16 小时 | 12–14 小时
            需要遛 | 否 | 是
        """),
    ),
    ("get", "post"): (
        _rows("""
             | GET | POST
            Purpose | read | create
            Body | none | yes
            May be repeated | yes | no
        """),
        _rows("""
             | GET | POST
            用途 | 读取 | 新建
            正文 | 没有 | 有
            可重复 | 是 | 否
        """),
    ),
}
"""By the two things that are compared: the rows in English and in Chinese, the heading first."""

_NAMES_ZH = dict(
    zip(
        ("list", "tuple", "set", "supervised", "unsupervised", "cat", "dog"),
        ("列表", "元组", "集合", "监督", "无监督", "猫", "狗"),
        strict=True,
    )
)
_ASKED = re.compile(
    r"\b(?:list|name|give(?: me)?|suggest|brainstorm|propose|write|what are|tell me|create|make)\b[^.?!\n]{0,24}?"
    r"\b(\d{1,2}|two|three|four|five|six|seven|eight|nine|ten|some|several|a few|the)\b ([^.?!\n]{2,80})"
    r"|(?:列出|列举|给出|给我|说出|写出|推荐|有哪些"
    r"|举出)[^。？\n]{0,4}?([\d一两二三四五六七八九十]{0,2})\s*[个条种项位款点]?([^。？\n]{1,40})",
    re.IGNORECASE,
)
_COUNTS = dict(
    zip(("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), range(2, 11), strict=True)
)
_COUNTS_ZH = dict(zip("一两二三四五六七八九十", (1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10), strict=True))
_COUNTED_ZH = re.compile(r"(\d{1,2}|[一两二三四五六七八九十])\s*[个条种项位款座颗]")
_LIST_WORDS = re.compile(
    r"\b(list|name|suggest|brainstorm|ideas|ways|tips|reasons|examples|steps|names|questions|titles)\b"
    r"|列出|列举|推荐|有哪些",
    re.IGNORECASE,
)
_ENGLISH_STEPS = _items(
    "Start small with {0} / Look at how others approach {0} / Write down what {0} should not become / "
    "Try {0} with a friend and watch / Keep what works and drop the rest / Measure before and after / "
    "Make {0} a daily habit / Explain {0} to somebody who is new to it / Share what you found / Plan the next step"
)
_CHINESE_STEPS = _items(
    "先做一个最小可用的“{0}” / 看看别人是怎样做“{0}”的 / 写下“{0}”不该做的事 / "
    "找朋友试一试，在旁边观察 / 保留有效的，去掉其余的 / 做之前和之后都量一量 / 把“{0}”变成每天的习惯 / "
    "向新手讲解“{0}” / 把发现分享出来 / 计划下一步"
)


def answer(question: Question) -> str | None:
    """Return a list or a table; None where neither is asked for."""
    if rows := compared(question):
        return table(rows)
    if question.shape.table:
        return _table_of(question)
    found = _ASKED.search(question.text)
    if found is None or not (_LIST_WORDS.search(question.text) or _known(question.text)):
        return None
    word = (found[1] or found[3] or "").lower()
    if not word and (counted := _COUNTED_ZH.search(question.text)):
        word = counted[1]
    count = int(word) if word.isdecimal() else _COUNTS.get(word) or _COUNTS_ZH.get(word) or 0
    items = _known(question.text, chinese=question.chinese)
    if items is None:
        if not count and not re.search(
            r"\b(ideas|ways|tips|reasons|steps)\b|方法|建议|步骤|理由", question.text
        ):
            return None
        subject = subject_of(
            re.sub(
                r"\b(list|name|suggest|ideas?|ways|tips|reasons|steps)\b|列出|列举|推荐",
                "",
                found[2] or found[4],
            ),
            chinese=question.chinese,
        )
        items = tuple(
            step.format(subject) for step in (_CHINESE_STEPS if question.chinese else _ENGLISH_STEPS)
        )
        count = count or 5
    items = items[: min(count or len(items), 20)]
    if question.shape.bare:
        return ", ".join(items)
    return "\n".join(f"{number}. {item}" for number, item in enumerate(items, 1))


def _known(text: str, *, chinese: bool = False) -> tuple[str, ...] | None:
    lowered = _COUNTED_ZH.sub("", text.lower())
    for keys, english, chinese_items in LISTS:
        if any(re.search(rf"(?<![a-z]){re.escape(key)}", lowered) for key in keys):
            return chinese_items if chinese else english
    return None


def compared(question: Question) -> tuple[tuple[str, ...], ...] | None:
    """Return the rows of a known comparison that the question asks for."""
    lowered = question.text.lower()
    if not (
        question.shape.table or re.search(r"\b(compare|difference|versus|vs)\b|比较|对比|区别|不同", lowered)
    ):
        return None
    for pair, (english, chinese) in TABLES.items():
        if all(
            re.search(rf"(?<![a-z]){one}s?(?![a-z])", lowered) or _NAMES_ZH.get(one, "\0") in lowered
            for one in pair
        ):
            return chinese if question.chinese else english
    return None


def table(rows: tuple[tuple[str, ...], ...]) -> str:
    """Return rows as a Markdown table, the heading first."""
    head, *rest = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + " --- |" * len(rows[0]), *rest])


def _table_of(question: Question) -> str | None:
    """Return a table of whatever the question is about: a topic's points, or a known list."""
    if items := _known(question.text, chinese=question.chinese):
        heading = (question.say("No.", "序号"), question.say("Name", "名称"))
        return table((heading, *((str(number), item) for number, item in enumerate(items, 1))))
    if name := topic_of(question.text):
        article = article_of(name, chinese=question.chinese)
        heading = (question.say("Point", "要点"), question.say("What it says", "说明"))
        return table(
            (heading, *((str(n), point) for n, point in enumerate((article.gist, *article.points), 1)))
        )
    return None
