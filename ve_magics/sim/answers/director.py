"""What a film director would write into the fields of a shot, read from the words of a prompt."""

from __future__ import annotations

import re

_PLACE = re.compile(
    r"\b(?:in|on|at|through|over|under|across|along|beside|near|inside|above|into|down|past|around)\b (?!slow)"
)
_DOING = re.compile(
    r"\b(\w{2,}ing|runs|walks|flies|sits|jumps|sleeps|dances|swims|falls|rises|plays|looks|eats|stands"
    r"|\w{3,}s(?= (?:in|on|at|through|over|under|across|along|beside|near|down|up|into|past|by|away|around)\b))\b"
)
_REQUEST = re.compile(
    r"^\s*(?:(?:please )?(?:write|make|create|generate|expand|turn|describe|film|give me|plan)\b[^:：\n]{0,60}?"
    r"(?:\bof\b|\babout\b|\bfor\b|[:：])|请?(?:为|把)?[^：\n]{0,12}?(?:视频|短片|镜头|片段"
    r"|提示词)[^：\n]{0,8}?[：:]|prompt:)\s*",
    re.IGNORECASE,
)
_PLACE_ZH = re.compile(r"在([^，。,.]{1,12}?)(里|中|上|下|旁|边|前)")
_LIGHTS = (
    (r"night|moon|star|夜|月|星", "moonlight with deep blue shadows", "月光，深蓝色的阴影"),
    (r"dawn|sunrise|morning|清晨|日出|早晨|黎明", "soft light of early morning", "清晨柔和的光线"),
    (
        r"sunset|dusk|evening|golden|日落|黄昏|傍晚|夕阳",
        "warm golden light from the side",
        "侧面温暖的金色光线",
    ),
    (r"neon|city|cyber|霓虹|城市|都市", "neon light reflected on wet ground", "霓虹灯映在潮湿的地面上"),
    (r"snow|winter|ice|雪|冬|冰", "clear, cold daylight", "清冷明亮的日光"),
    (r"sea|ocean|underwater|海|水下", "light that shimmers through water", "透过水面闪动的光"),
    (r"forest|jungle|森林|树林", "sunbeams between the trees", "林间透下的光束"),
)
_MOODS = (
    (r"run|race|fast|chase|jump|跑|追|跳|快", "energetic", "充满活力"),
    (r"storm|dark|war|fire|风暴|黑暗|火", "tense", "紧张"),
    (r"cat|dog|puppy|kitten|child|baby|猫|狗|孩子|宝宝", "playful and warm", "活泼温暖"),
    (r"night|moon|star|space|夜|月|星|太空", "calm and dreamlike", "宁静而梦幻"),
)
_FIELDS = {
    "subject": "subject", "character": "subject", "protagonist": "subject", "主体": "subject", "主角": "subject",
    "action": "action", "motion": "action", "activity": "action", "动作": "action",
    "setting": "setting", "scene": "setting", "environment": "setting", "location": "setting", "background": "setting",
    "场景": "setting", "环境": "setting", "背景": "setting",
    "camera": "camera", "shot": "camera", "angle": "camera", "movement": "camera", "framing": "camera",
    "镜头": "camera", "运镜": "camera",
    "light": "light", "lighting": "light", "光线": "light", "灯光": "light", "光影": "light",
    "mood": "mood", "atmosphere": "mood", "tone": "mood", "氛围": "mood", "情绪": "mood",
    "style": "style", "look": "style", "风格": "style",
    "palette": "palette", "colors": "palette", "colours": "palette", "color": "palette", "色彩": "palette",
    "sound": "sound", "audio": "sound", "music": "sound", "声音": "sound", "音效": "sound",
    "lens": "lens", "negative": "negative", "avoid": "negative",
    "prompt": "prompt", "提示词": "prompt",
}  # fmt: skip
_TOLD = 8
"""Characters of a Chinese prompt that says by itself where it is and what happens."""

_PLAIN = {
    "camera": ("slow push-in at eye level, steady", "平视，缓慢推进，画面稳定"),
    "style": ("cinematic realism with a shallow depth of field", "电影质感的写实风格，浅景深"),
    "palette": ("teal shadows with warm highlights", "青色阴影与暖色高光"),
    "sound": ("quiet ambience with a soft piano", "安静的环境声与轻柔的钢琴"),
    "lens": ("35 mm", "35 毫米"),
    "negative": ("blur, text, watermark, distorted hands", "模糊、文字、水印、变形的手"),
}
_CAMERAS = (
    (
        r"fly|bird|drone|mountain|city|飞|鸟|山|城市",
        "slow aerial glide that reveals the scene",
        "缓慢的航拍，逐渐展开全景",
    ),
    (r"run|race|chase|drive|跑|追|骑|开车", "low tracking shot beside the subject", "低机位跟拍，与主体同行"),
    (
        r"close|face|flower|insect|特写|脸|花|昆虫",
        "macro close-up with a slow rack focus",
        "微距特写，缓慢移焦",
    ),
)


def field_of(name: str) -> str:
    """Return which part of a shot a field's name means; empty where it means none."""
    for word in re.split(r"[_\s-]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()):
        if word in _FIELDS:
            return _FIELDS[word]
    return ""


def about_film(names: set[str]) -> bool:
    """Whether these fields are those of a shot: at least two of them only a director would ask for."""
    return (
        len({field_of(name) for name in names} & {"subject", "action", "camera", "light", "style", "mood"})
        >= 2
    )


def direct(prompt: str, name: str, *, chinese: bool) -> str:
    """Return what a director would write into a field.

    Args:
        prompt: What the film is about.
        name: One of the parts that `field_of` returns.
        chinese: In which language.
    """
    text = _REQUEST.sub("", prompt.strip()).split("\n")[0].strip(' .。"“”')
    if name in ("subject", "action", "setting"):
        return _scene(text, chinese=chinese)[name]
    if name == "prompt":
        parts = [text, *(direct(prompt, part, chinese=chinese) for part in ("camera", "light", "style"))]
        return ("，" if chinese else ", ").join(part for part in parts if part) + ("。" if chinese else ".")
    table = {"light": _LIGHTS, "mood": _MOODS, "camera": _CAMERAS}.get(name, ())
    for pattern, english, chinese_words in table:
        if re.search(pattern, text, re.IGNORECASE):
            return chinese_words if chinese else english
    plain = _PLAIN.get(name) or {
        "light": ("soft natural daylight", "柔和的自然光"),
        "mood": ("calm and curious", "平静而好奇"),
    }.get(name, ("", ""))
    return plain[1 if chinese else 0]


def _scene(text: str, *, chinese: bool) -> dict[str, str]:
    if chinese:
        place = _PLACE_ZH.search(text)
        setting = "".join(place.groups()) if place else "开阔的自然环境" if len(text) < _TOLD else ""
        subject = text[: place.start()] if place and place.start() else text
        action = text[place.end() :].strip("，, ") if place else ""
        return {
            "subject": subject.strip("，, ")[:20] or "主角",
            "action": action[:24] or ("缓缓移动" if len(text) < _TOLD else ""),
            "setting": setting,
        }
    doing, place = _DOING.search(text), _PLACE.search(text)
    end = min([found.start() for found in (doing, place) if found] or [len(text)])
    subject = text[:end].strip(" ,") or text
    setting = text[place.start() :].split(",", maxsplit=1)[0].strip() if place else "a quiet open landscape"
    action = ""
    if doing:
        stop = place.start() if place and place.start() > doing.start() else len(text)
        action = text[doing.start() : stop].split(",", maxsplit=1)[0].strip()
    return {"subject": subject, "action": action or "moves slowly through the frame", "setting": setting}


def scenes(story: str, count: int) -> list[str]:
    """Return the scenes of a story: what it tells one after the other, and where that is too little, other views.

    Args:
        story: What the film is about.
        count: How many scenes.
    """
    story = _REQUEST.sub("", story.strip()).strip()
    chinese = bool(re.search("[\u4e00-\u9fff]", story))
    head, colon, rest = (
        re.split(r"([:：])", story, maxsplit=1) if re.search("[:：]", story) else ("", "", story)
    )
    told = [
        part.strip(" .。")
        for part in re.split(r"[,，;；。\n]|\. |，然后|\b(?:and )?then\b", rest)
        if part.strip(" .。")
    ]
    told = [re.sub(r"^(?:and|最后|然后|接着)\s*", "", part) for part in told]
    told = [
        f"{part} ({head.strip()})" if colon and not chinese else f"{head.strip()}，{part}" if colon else part
        for part in told
    ]
    views = (
        ("{}，远景", "{}，特写", "{}，结尾的全景")
        if chinese
        else ("{}, seen from afar", "{}, close up", "{}, a last wide view")
    )
    while 0 < len(told) < count:
        told.append(views[(len(told) - 1) % 3].format(told[0]))
    return told[:count]
