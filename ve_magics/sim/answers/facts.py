"""What a text names: people, numbers, dates, places and addresses, to fill forms and arguments with."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ve_magics.sim.answers.prose import listed

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_URL = re.compile(r"https?://[^\s<>\"'）)，。]+")
_DATE = re.compile(r"\b(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\b|(\d{4})年(\d{1,2})月(\d{1,2})日")
_MONTHS = listed("january february march april may june july august september october november december")
_LONG_DATE = re.compile(
    rf"\b(?:(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({'|'.join(_MONTHS)})"
    rf"|({'|'.join(_MONTHS)}) (\d{{1,2}})(?:st|nd|rd|th)?)"
    r",? (\d{4})\b",
    re.IGNORECASE,
)
_TIME = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?\b")
_PHONE = re.compile(r"(?<![\w.])\+?\d[\d ()-]{6,16}\d(?![\w.])")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d{1,18}(?:,\d{3}){0,5}(?:\.\d{1,18})?(?!\w{0,40}@)(?![\d.]{0,3}\d)")
_NAME = re.compile(r"\b[A-Z][a-z'’-]+(?: (?:(?:van|von|de|der|da|di|la|le|bin|al) )?[A-Z][a-z'’-]+){0,3}")
_QUOTED = re.compile(
    r"\"([^\"\n]{1,200})\"|“([^”\n]{1,200})”|「([^」\n]{1,200})」|《([^》\n]{1,80})》|`([^`\n]{1,200})`"
)
_NAME_ZH = re.compile(
    r"(?:我叫|名叫|叫做|姓名[是：:]|名字[是叫：:]|联系人[是：:]"
    r"|我是)\s*([\u4e00-\u9fff]{2,4}?)(?=[，。,.、；;\s]|今年|来自|住|\d|$)"
)
_SURNAMES = (
    "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许邓冯韩曹曾彭肖蔡潘田董袁于余"
    "叶蒋杜苏魏程吕丁任沈姚卢傅钟姜崔谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段"
    "雷史陶贺顾毛郝龚邵万钱严覃武戚莫孔向汤"
)
_PERSON_ZH = re.compile(
    rf"(?<![\u4e00-\u9fff])([{_SURNAMES}][\u4e00-\u9fff]{{1,2}})(?=今年|来自|住在|说|，|,|是|的|和|在|\s|$)"
)
_PLACES = (
    "Paris Lyon Marseille London Berlin Madrid Rome Vienna Oslo Stockholm "
    "Helsinki Copenhagen Amsterdam Brussels Lisbon Athens Dublin "
    "Warsaw Prague Budapest Zurich Geneva Munich Hamburg Milan Barcelona Moscow Istanbul Cairo Nairobi Lagos Tokyo "
    "Osaka Kyoto Seoul Beijing Shanghai Shenzhen Guangzhou Hangzhou Chengdu Wuhan Nanjing Taipei Singapore Bangkok "
    "Jakarta Manila Hanoi Delhi Mumbai Bangalore Dubai Sydney Melbourne Auckland Toronto Vancouver Montreal Boston "
    "Chicago Seattle Austin Denver Miami Atlanta Houston Dallas Philadelphia Tokio|New York|San Francisco|Los Angeles"
    "|Hong Kong|Mexico City|Buenos Aires|São Paulo|Rio de Janeiro|Cape Town|Kuala Lumpur|Tel Aviv"
)
_PLACES_ZH = (
    "北京 上海 广州 深圳 杭州 成都 重庆 武汉 南京 西安 苏州 天津 青岛 厦门 长沙 昆明 大连 沈阳 哈尔滨 济南 郑州 "
    "合肥 福州 拉萨 乌鲁木齐 海口 三亚 香港 澳门 台北 巴黎 伦敦 东京 纽约 柏林 罗马 首尔 新加坡 悉尼 莫斯科 曼谷"
)
PLACES = tuple(
    name
    for group in _PLACES.split("|")
    for name in ([group] if " " in group and len(group) < 20 else group.split())
)
PLACES_ZH = tuple(_PLACES_ZH.split())
_PLACE = re.compile("|".join([*(rf"\b{re.escape(place)}\b" for place in PLACES), *map(re.escape, PLACES_ZH)]))
HOMES = {
    "Paris": "France", "London": "United Kingdom", "Berlin": "Germany", "Munich": "Germany", "Madrid": "Spain",
    "Rome": "Italy", "Milan": "Italy", "Vienna": "Austria", "Oslo": "Norway", "Tokyo": "Japan", "Beijing": "China",
    "Shanghai": "China", "New York": "United States", "San Francisco": "United States", "Seattle": "United States",
    "Toronto": "Canada", "Sydney": "Australia", "Singapore": "Singapore", "Seoul": "South Korea", "Delhi": "India",
    "Cairo": "Egypt", "Nairobi": "Kenya", "北京": "中国", "上海": "中国", "深圳": "中国", "杭州": "中国",
    "东京": "日本",
    "巴黎": "法国", "伦敦": "英国",
}  # fmt: skip
"""Where some of the places lie."""

_NOT_NAMES = frozenset(
    listed(
        "The A An I In On At Of And Or But If It Is "
        "Are Was Were What Who When Where Why How Which Please Write Give Tell "
        "Show Extract Return Create Make Generate Find Get Set Add Send Book Call Use Name Email Date Monday Tuesday "
        "Wednesday Thursday Friday Saturday Sunday January February March "
        "April May June July August September October "
        "November December Json Schema Python Answer Question From To For "
        "With My Your His Her Their Our This That These "
        "Those Can Could Would Should Do Does Did Has Have Had "
        "Will Let He She We They You Contact Meet Meeting Invoice "
        "Order Customer User Product Price Summarize Summarise Translate "
        "Describe List Explain Today Tomorrow Dear Hello "
        "Hi Here There Then Also After Before Text Input Output Information Data Sentiment Classify"
    )
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a text names, in the order in which it does."""

    names: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()
    dates: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    quoted: tuple[str, ...] = ()
    text: str = field(default="", repr=False)

    @classmethod
    def read(cls, text: str) -> Facts:
        """Return what a text names."""
        left = text
        emails, left = _take(_EMAIL, left)
        urls, left = _take(_URL, left)
        quoted = tuple(next(group for group in found.groups() if group) for found in _QUOTED.finditer(left))
        dates, left = _dates(left)
        times, left = _take(_TIME, left)
        phones = tuple(
            found[0].strip() for found in _PHONE.finditer(left) if sum(c.isdigit() for c in found[0]) >= 7
        )
        for phone in phones:
            left = left.replace(phone, " ")
        places = tuple(dict.fromkeys(_PLACE.findall(left)))
        numbers = tuple(float(found.replace(",", "")) for found in _NUMBER.findall(left))
        return cls(_names(left, places), places, numbers, dates, times, emails, urls, phones, quoted, text)


def _take(pattern: re.Pattern[str], text: str) -> tuple[tuple[str, ...], str]:
    found = tuple(dict.fromkeys(match[0].rstrip(".,;") for match in pattern.finditer(text)))
    return found, pattern.sub(" ", text)


def _dates(text: str) -> tuple[tuple[str, ...], str]:
    found = []
    for match in _DATE.finditer(text):
        year, month, day = (int(group) for group in match.groups() if group)
        found.append((match.start(), f"{year:04d}-{month:02d}-{day:02d}"))
    for match in _LONG_DATE.finditer(text):
        month = _MONTHS.index((match[2] or match[3]).lower()) + 1
        found.append((match.start(), f"{int(match[5]):04d}-{month:02d}-{int(match[1] or match[4]):02d}"))
    return tuple(date for _, date in sorted(found)), _LONG_DATE.sub(" ", _DATE.sub(" ", text))


def _names(text: str, places: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    for match in _NAME.finditer(text):
        said = match[0].split(" ")
        while said and said[0] in _NOT_NAMES:
            said.pop(0)
        while said and said[-1] in _NOT_NAMES:
            said.pop()
        name = re.sub(r"['’]s$", "", " ".join(said))
        if name and name not in places:
            found.append((match.start(), name))
    for pattern in (_NAME_ZH, _PERSON_ZH):
        found += [(match.start(1), match[1]) for match in pattern.finditer(text) if match[1] not in places]
    people = [name for _, name in sorted(found)]
    return tuple(dict.fromkeys(sorted(people, key=lambda name: -(" " in name))))
