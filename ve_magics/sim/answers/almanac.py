"""Short facts that people like to try a model with: capitals, planets, famous works."""

from __future__ import annotations

import re

from ve_magics.sim.answers.question import Question

CAPITALS: dict[str, tuple[str, str, str]] = {
    "france": ("Paris", "法国", "巴黎"),
    "germany": ("Berlin", "德国", "柏林"),
    "italy": ("Rome", "意大利", "罗马"),
    "spain": ("Madrid", "西班牙", "马德里"),
    "portugal": ("Lisbon", "葡萄牙", "里斯本"),
    "england": ("London", "英格兰", "伦敦"),
    "the united kingdom": ("London", "英国", "伦敦"),
    "ireland": ("Dublin", "爱尔兰", "都柏林"),
    "norway": ("Oslo", "挪威", "奥斯陆"),
    "sweden": ("Stockholm", "瑞典", "斯德哥尔摩"),
    "finland": ("Helsinki", "芬兰", "赫尔辛基"),
    "denmark": ("Copenhagen", "丹麦", "哥本哈根"),
    "austria": ("Vienna", "奥地利", "维也纳"),
    "switzerland": ("Bern", "瑞士", "伯尔尼"),
    "poland": ("Warsaw", "波兰", "华沙"),
    "greece": ("Athens", "希腊", "雅典"),
    "russia": ("Moscow", "俄罗斯", "莫斯科"),
    "turkey": ("Ankara", "土耳其", "安卡拉"),
    "egypt": ("Cairo", "埃及", "开罗"),
    "kenya": ("Nairobi", "肯尼亚", "内罗毕"),
    "china": ("Beijing", "中国", "北京"),
    "japan": ("Tokyo", "日本", "东京"),
    "south korea": ("Seoul", "韩国", "首尔"),
    "india": ("New Delhi", "印度", "新德里"),
    "thailand": ("Bangkok", "泰国", "曼谷"),
    "vietnam": ("Hanoi", "越南", "河内"),
    "indonesia": ("Jakarta", "印度尼西亚", "雅加达"),
    "australia": ("Canberra", "澳大利亚", "堪培拉"),
    "canada": ("Ottawa", "加拿大", "渥太华"),
    "the united states": ("Washington, D.C.", "美国", "华盛顿"),
    "mexico": ("Mexico City", "墨西哥", "墨西哥城"),
    "brazil": ("Brasília", "巴西", "巴西利亚"),
    "argentina": ("Buenos Aires", "阿根廷", "布宜诺斯艾利斯"),
    "peru": ("Lima", "秘鲁", "利马"),
    "chile": ("Santiago", "智利", "圣地亚哥"),
}
"""By country: its capital, and both in Chinese."""

FACTS: tuple[tuple[str, str, str], ...] = (
    (
        r"how many planets|几大行星|多少颗行星",
        "There are eight planets in the solar system.",
        "太阳系有八大行星。",
    ),
    (
        r"(?:largest|biggest) planet|最大的行星",
        "Jupiter is the largest planet of the solar system.",
        "木星是太阳系最大的行星。",
    ),
    (
        r"(?:highest|tallest) mountain|最高的山|最高峰",
        "Mount Everest is the highest mountain, 8,849 m above the sea.",
        "珠穆朗玛峰是最高的山，海拔约 8849 米。",
    ),
    (
        r"longest river|最长的河",
        "The Nile and the Amazon are the longest rivers, each over 6,400 km long.",
        "尼罗河和亚马孙河最长，都超过 6400 公里。",
    ),
    (
        r"(?:largest|biggest) ocean|最大的海洋|最大的洋",
        "The Pacific is the largest ocean.",
        "太平洋是最大的海洋。",
    ),
    (
        r"speed of light|光速",
        "Light travels at 299,792,458 m/s in a vacuum.",
        "真空中的光速是每秒 299792458 米。",
    ),
    (
        r"boiling point of water|water boil|水的沸点|水.{0,4}沸腾",
        "Water boils at 100 °C at sea level.",
        "在海平面上，水在 100 °C 沸腾。",
    ),
    (
        r"chemical (?:formula|symbol) (?:of|for) water|水的化学式",
        "The formula of water is $H_2O$.",
        "水的化学式是 $H_2O$。",
    ),
    (r"chemical symbol (?:of|for) gold|金的化学符号", "The symbol of gold is Au.", "金的化学符号是 Au。"),
    (r"value of pi\b|what is pi\b|圆周率", "$\\pi \\approx 3.14159265$.", "$\\pi \\approx 3.14159265$。"),
    (
        r"who wrote (?:hamlet|romeo)|哈姆雷特.{0,4}谁|谁写.{0,6}哈姆雷特",
        "William Shakespeare wrote it.",
        "作者是威廉·莎士比亚。",
    ),
    (r"who painted the mona lisa|蒙娜丽莎", "Leonardo da Vinci painted it.", "作者是列奥纳多·达·芬奇。"),
    (
        r"who (?:invented|created|made) python|python.{0,6}(?:作者|发明|创造)",
        "Guido van Rossum created Python; it came out in 1991.",
        "Guido van Rossum 创造了 Python，1991 年发布。",
    ),
    (
        r"who was ada lovelace|ada lovelace 是谁",
        "Ada Lovelace published the first program for a computing machine, in 1843.",
        "Ada Lovelace 在 1843 年发表了第一个为计算机器编写的程序。",
    ),
    (
        r"first (?:man|person|human) on the moon|第一个登上月球|首位登月",
        "Neil Armstrong was the first human on the Moon, in 1969.",
        "1969 年，尼尔·阿姆斯特朗成为第一个登上月球的人。",
    ),
    (r"how many continents|几大洲", "There are seven continents.", "世界有七大洲。"),
    (r"how many days .{0,12}leap year|闰年.{0,6}多少天", "A leap year has 366 days.", "闰年有 366 天。"),
    (
        r"meaning of life|人生的意义",
        "42, says the novel; the rest is up to you.",
        "小说里的答案是 42，其余由你决定。",
    ),
)
"""What is asked, and the answer in English and Chinese."""

_CAPITAL = re.compile(
    r"\bcapital (?:city )?of ([A-Za-z ]{2,40}?)(?=[?.!,\n]|\b(?:and|in|please|only|reply)\b|$)"
    r"|\b([A-Za-z]{2,20}(?: [A-Za-z]{2,20}){0,2})'s capital",
    re.IGNORECASE,
)
_COUNTRY = re.compile(r"\bwhich country\b.{0,20}?\b([A-Z][a-z]+)\b")


def answer(question: Question) -> str | None:
    """Return a fact that is known; None for any other question."""
    text = question.text
    if capital := _capital(question):
        return capital
    lowered = text.lower()
    return next((question.say(en, zh) for pattern, en, zh in FACTS if re.search(pattern, lowered)), None)


def _capital(question: Question) -> str | None:
    lowered = question.text.lower()
    if found := _CAPITAL.search(question.text):
        country = (found[1] or found[2]).strip().lower()
        country = {"usa": "the united states", "us": "the united states", "uk": "the united kingdom"}.get(
            country, country
        )
        row = (
            CAPITALS.get(country)
            or CAPITALS.get(f"the {country}")
            or CAPITALS.get(country.removeprefix("the "))
        )
        if row is not None:
            shown = country.title().replace("The ", "the ")
            if question.shape.bare:
                return question.say(row[0], row[2])
            return question.say(f"The capital of {shown} is **{row[0]}**.", f"{row[1]}的首都是**{row[2]}**。")
    if "首都" in lowered:
        for city, country_zh, city_zh in CAPITALS.values():
            if country_zh in question.text:
                bare = question.shape.bare
                return (
                    question.say(city, city_zh)
                    if bare
                    else question.say(f"It is **{city}**.", f"{country_zh}的首都是**{city_zh}**。")
                )
    return None
