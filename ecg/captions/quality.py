"""How readable a scenario is: every caption measured against a profile of published limits.

A profile is a JSON file under ``profiles/``: limits by rule, and how the characters of each language count.
`report` measures, compares and words what it finds; it changes nothing.
"""

from __future__ import annotations

import dataclasses
import json
import math
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from ecg.captions import fields
from ecg.captions.fields import Flag, Items, Number, Record, Table, Text, holds, wrong
from ecg.captions.flashes import flashes
from ecg.captions.palette import least_contrast, lit_color, most_alike
from ecg.captions.scenario import Cue, Scenario
from ecg.errors import BadRequest

PROFILES_DIR = Path(__file__).parent / "profiles"
DEFAULT_PROFILE = "ecg"

#: rule → message per language. The rules of `_AT_LEAST` want a value of at least the limit, others at most.
MESSAGES: dict[str, dict[str, str]] = {
    "reading_speed": {
        "en": "To read this caption takes {value} characters a second; {limit} are the most.",
        "ko": "이 자막은 초당 {value}자를 읽어야 합니다. 최대 {limit}자입니다.",
    },
    "word_rate": {
        "en": "This caption runs at {value} words a minute; {limit} are the most.",
        "ko": "이 자막은 분당 {value}단어입니다. 최대 {limit}단어입니다.",
    },
    "word_time": {
        "en": "Each word of this caption has {value} s; {limit} s are the least.",
        "ko": "이 자막은 단어당 {value}초입니다. 최소 {limit}초가 필요합니다.",
    },
    "line_length": {
        "en": "A line of this caption is {value} characters long; {limit} are the most.",
        "ko": "이 자막의 한 줄이 {value}자입니다. 최대 {limit}자입니다.",
    },
    "line_count": {
        "en": "This caption has {value} lines; {limit} are the most.",
        "ko": "이 자막은 {value}줄입니다. 최대 {limit}줄입니다.",
    },
    "min_duration": {
        "en": "This caption is on screen for {value} s; {limit} s are the least.",
        "ko": "이 자막은 {value}초 동안 표시됩니다. 최소 {limit}초가 필요합니다.",
    },
    "max_duration": {
        "en": "This caption is on screen for {value} s; {limit} s are the most.",
        "ko": "이 자막은 {value}초 동안 표시됩니다. 최대 {limit}초입니다.",
    },
    "gap": {
        "en": "Between the caption before and this one lie {value} s; {limit} s are the least.",
        "ko": "앞 자막과 이 자막의 간격이 {value}초입니다. 최소 {limit}초가 필요합니다.",
    },
    "contrast": {
        "en": "The text of {speaker}, {color}, has a contrast of {value} to its box; {limit} is the least.",
        "ko": "{speaker}의 글자색 {color}은(는) 배경과의 명암비가 {value}입니다. 최소 {limit}이어야 합니다.",
    },
    "color_difference": {
        "en": "{viewers} may take the colour of {speaker} for that of {other}: they differ by {value}; "
              "{limit} is the least.",
        "ko": "{viewers}에게 {speaker}와(과) {other}의 색이 비슷해 보입니다. "
              "색차가 {value}이며, 최소 {limit}이어야 합니다.",
    },
    "flashes": {
        "en": "Captions flash {value} times within a second from here; {limit} times are the most.",
        "ko": "여기서부터 1초 안에 자막이 {value}번 깜박입니다. 최대 {limit}번입니다.",
    },
}  # fmt: skip
_AT_LEAST = {"word_time", "min_duration", "gap", "contrast", "color_difference"}
_OF_SPEAKER = {"contrast", "color_difference"}
_VIEWERS = {
    "normal": {"en": "Viewers", "ko": "시청자"},
    "protanopia": {"en": "Viewers who lack red cones (protanopia)", "ko": "적색맹 시청자"},
    "deuteranopia": {"en": "Viewers who lack green cones (deuteranopia)", "ko": "녹색맹 시청자"},
    "tritanopia": {"en": "Viewers who lack blue cones (tritanopia)", "ko": "청색맹 시청자"},
}

# Times of a scenario are whole milliseconds; what is wrong by no more than rounding is right.
_ROUNDING = 0.001


@dataclass(frozen=True)
class Counting:
    """How a language's text is counted: a ``wide`` character (Chinese, Japanese, Korean) and a ``narrow``
    one, in characters of ``line_length`` and ``reading_speed``; ``limits`` of this language, by rule."""

    wide: float = holds(Number(0.1, 4))
    narrow: float = holds(Number(0.1, 4))
    limits: Mapping[str, float] = holds(Table(Number(0)))


@dataclass(frozen=True)
class Profile:
    """Limits by rule, and where they come from; ``unsure`` says which of them were not checked there.

    ``languages`` are by primary subtag such as ``ko``; ``*`` is for all others. Captions of one lane may
    follow each other without a gap if ``touching``; a gap is at least ``gap_frames`` frames, of ``fps`` a
    second, and the limit ``gap`` in seconds. Rules in ``advisory`` find warnings, others errors.
    """

    name: str = holds(Text(r"[a-z0-9-]+", "a name of lower-case letters, digits and hyphens"))
    title: str = holds(Text())
    sources: tuple[str, ...] = holds(Items(Text(), least=1))
    unsure: tuple[str, ...] = holds(Items(Text()))
    fps: float = holds(Number(1, 1000))
    gap_frames: float = holds(Number(0, 1000))
    touching: bool = holds(Flag())
    advisory: tuple[str, ...] = holds(Items(Text()))
    limits: Mapping[str, float] = holds(Table(Number(0)))
    languages: Mapping[str, Counting] = holds(Table(Record(Counting)))

    @classmethod
    def from_json(cls, data: Any) -> Profile:
        """Raises `InvalidScenario` that names the first wrong value."""
        profile = fields.read(cls, data)
        if "*" not in profile.languages:
            raise wrong("languages.*", "is missing")
        named = {f"limits.{rule}": rule for rule in profile.limits}
        named |= {f"advisory[{index}]": rule for index, rule in enumerate(profile.advisory)}
        for language, counting in profile.languages.items():
            named |= {f"languages.{language}.limits.{rule}": rule for rule in counting.limits}
        for path, rule in named.items():
            if rule not in MESSAGES:
                raise wrong(path, f"{rule!r} is no rule; rules are {', '.join(MESSAGES)}")
        return profile

    def counting(self, language: str) -> Counting:
        """How text in ``language``, such as ``ko-KR``, is counted."""
        return self.languages.get(language.split("-")[0].lower(), self.languages["*"])


@dataclass(frozen=True)
class Finding:
    """A limit that a caption breaks. ``severity`` is "error" or "warning", ``message`` a sentence per
    language ("en", "ko"). A finding about a colour is given once, at the first cue of its speaker."""

    rule: str
    severity: str
    cue: str
    speaker: str
    start_s: float
    value: float
    limit: float
    message: Mapping[str, str]


@dataclass(frozen=True)
class Worst:
    """The value furthest to the wrong side among all cues, broken or not."""

    value: float
    limit: float
    cue: str


@dataclass(frozen=True)
class Summary:
    """``clean_share``: share of cues, 0..1, without any finding. ``findings`` counts by rule, ``worst`` is
    by rule measured."""

    cues: int
    clean_share: float
    findings: Mapping[str, int]
    worst: Mapping[str, Worst]


@dataclass(frozen=True)
class Report:
    """A scenario measured against a profile; findings are in order of time."""

    profile: str
    fps: float
    summary: Summary
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"findings": [dataclasses.asdict(case) for case in self.findings]}


@dataclass(frozen=True, slots=True)
class _Measure:
    """One value of one cue, and what the message says about it besides, per language or the same in all."""

    rule: str
    cue: Cue
    value: float
    limit: float
    words: Mapping[str, Any] = field(default_factory=dict)

    @property
    def excess(self) -> float:
        """How far the value is on the wrong side of the limit; negative when it is right."""
        return (self.limit - self.value) if self.rule in _AT_LEAST else (self.value - self.limit)


def profile_names() -> list[str]:
    """The profiles there are, the default first."""
    names = sorted(path.stem for path in PROFILES_DIR.glob("*.json"))
    return sorted(names, key=lambda name: name != DEFAULT_PROFILE)


def load_profile(name: str = DEFAULT_PROFILE) -> Profile:
    """The profile called ``name``. Raises `BadRequest` for one that is not among `profile_names`."""
    if name not in profile_names():
        known = ", ".join(profile_names())
        raise BadRequest(f"There is no profile {name!r}; choose one of {known}.", profile=name)
    return Profile.from_json(json.loads((PROFILES_DIR / f"{name}.json").read_text()))


def report(scenario: Scenario, profile: Profile | None = None, fps: float | None = None) -> Report:
    """Measure ``scenario`` against ``profile``, by default our own.

    ``fps``: frames per second of the video, in which a profile may count gaps; by default the profile's.
    Raises `BadRequest` for a frame rate that is not above 0.
    """
    profile = profile or load_profile()
    fps = profile.fps if fps is None else fps
    if not (math.isfinite(fps) and fps > 0):
        raise BadRequest(f"fps must be above 0, not {fps}.", fps=fps)
    measures = list(_measures(scenario, profile, fps))
    broken = [measure for measure in measures if measure.excess > _slack(measure.rule)]
    broken.sort(key=lambda measure: (measure.cue.start_s, measure.cue.lane))
    findings = tuple(_finding(measure, profile) for measure in broken)
    return Report(profile.name, fps, _summary(scenario, measures, findings), findings)


def _measures(scenario: Scenario, profile: Profile, fps: float) -> Iterator[_Measure]:
    counting = profile.counting(scenario.language)
    limits = {**profile.limits, **counting.limits}
    for cue in scenario.cues:
        for rule, value in _reading(cue, counting).items():
            if rule in limits:
                yield _Measure(rule, cue, value, limits[rule])
    yield from _gaps(scenario, profile, max(limits.get("gap", 0), profile.gap_frames / fps))
    first = _first_cues(scenario)
    if "contrast" in limits:
        yield from _contrasts(scenario, first, limits["contrast"])
    if "color_difference" in limits and scenario.style.text.tint > 0:
        yield from _differences(scenario, first, limits["color_difference"])
    if "flashes" in limits:
        yield from _flashes(scenario, limits["flashes"])


def _reading(cue: Cue, counting: Counting) -> dict[str, float]:
    """What there is to read, in what time."""
    lines = [_line_chars(cue, line, counting) for line in cue.lines]
    stay_s, words = cue.end_s - cue.start_s, len(cue.words)
    return {
        "reading_speed": sum(lines) / stay_s,
        "word_rate": 60 * words / stay_s,
        "word_time": stay_s / words,
        "line_length": max(lines),
        "line_count": len(lines),
        "min_duration": stay_s,
        "max_duration": stay_s,
    }


def _line_chars(cue: Cue, line: Sequence[int], counting: Counting) -> float:
    words = [cue.words[index] for index in line]
    chars = [_widths(word.text) for word in words]
    spaces = sum(not word.glued for word in words[1:])
    wide = sum(wide for wide, _ in chars)
    narrow = sum(narrow for _, narrow in chars) + spaces
    return wide * counting.wide + narrow * counting.narrow


@lru_cache(65536)
def _widths(text: str) -> tuple[int, int]:
    """How many wide and how many narrow characters; marks that combine with a letter are not counted."""
    text = unicodedata.normalize("NFC", text)
    seen = [char for char in text if unicodedata.category(char) not in ("Mn", "Me", "Cf")]
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in seen)
    return wide, len(seen) - wide


def _gaps(scenario: Scenario, profile: Profile, limit_s: float) -> Iterator[_Measure]:
    for lane in _lanes(scenario):
        for before, cue in pairwise(lane):
            gap_s = cue.start_s - before.end_s
            if limit_s and not (profile.touching and gap_s <= _ROUNDING):
                yield _Measure("gap", cue, gap_s, limit_s)


def _lanes(scenario: Scenario) -> list[list[Cue]]:
    """The cues of each lane, in order of time."""
    lanes: dict[int, list[Cue]] = defaultdict(list)
    for cue in sorted(scenario.cues, key=lambda cue: cue.start_s):
        lanes[cue.lane].append(cue)
    return [lanes[lane] for lane in sorted(lanes)]


def _first_cues(scenario: Scenario) -> dict[str, Cue]:
    """The first cue of each speaker who has one, in the order of the scenario's speakers."""
    first: dict[str, Cue] = {}
    for cue in sorted(scenario.cues, key=lambda cue: cue.start_s):
        first.setdefault(cue.speaker, cue)
    return {speaker: first[speaker] for speaker in scenario.speakers if speaker in first}


def _contrasts(scenario: Scenario, first: Mapping[str, Cue], limit: float) -> Iterator[_Measure]:
    style = scenario.style
    unlit = least_contrast(style.text.color, style.text.opacity, style.box)
    for speaker, cue in first.items():
        lit = least_contrast(*lit_color(scenario.speakers[speaker].color, style), style.box)
        worse = min(lit, unlit, key=lambda case: case.value)
        words = {"speaker": _name(scenario, speaker), "color": worse.color}
        yield _Measure("contrast", cue, worse.value, limit, words)


def _differences(scenario: Scenario, first: Mapping[str, Cue], limit: float) -> Iterator[_Measure]:
    """For each speaker but the first, the colour most like theirs among those of the speakers before."""
    before: dict[str, str] = {}  # colour → who has it
    for speaker, cue in first.items():
        color = lit_color(scenario.speakers[speaker].color, scenario.style)[0]
        if before:
            like = min((most_alike(color, other, limit) for other in before), key=lambda case: case.value)
            names = {"speaker": _name(scenario, speaker), "other": _name(scenario, before[like.colors[1]])}
            yield _Measure("color_difference", cue, like.value, limit, names | {"vision": like.vision})
        before.setdefault(color, speaker)


def _name(scenario: Scenario, speaker: str) -> str:
    return scenario.speakers[speaker].name or speaker


def _flashes(scenario: Scenario, limit: float) -> Iterator[_Measure]:
    for lane in _lanes(scenario):
        for cue, count in flashes(lane, scenario, limit):
            yield _Measure("flashes", cue, count, limit)


def _slack(rule: str) -> float:
    return 0.0 if rule in _OF_SPEAKER else _ROUNDING


def _finding(measure: _Measure, profile: Profile) -> Finding:
    cue, rule = measure.cue, measure.rule
    return Finding(
        rule, "warning" if rule in profile.advisory else "error", cue.id, cue.speaker, cue.start_s,
        round(measure.value, 3), round(measure.limit, 3), _message(measure),
    )  # fmt: skip


def _message(measure: _Measure) -> dict[str, str]:
    words = {**measure.words, "value": f"{measure.value:.2f}", "limit": f"{measure.limit:.2f}"}
    words |= {key: words[key].rstrip("0").rstrip(".") for key in ("value", "limit")}
    viewers = _VIEWERS.get(str(words.get("vision")), {})
    return {
        language: text.format(**words, viewers=viewers.get(language))
        for language, text in MESSAGES[measure.rule].items()
    }


def _summary(scenario: Scenario, measures: Sequence[_Measure], findings: Sequence[Finding]) -> Summary:
    cues = {finding.cue for finding in findings}
    speakers = {finding.speaker for finding in findings if finding.rule in _OF_SPEAKER}
    clean = sum(cue.id not in cues and cue.speaker not in speakers for cue in scenario.cues)
    counts = Counter(finding.rule for finding in findings)
    return Summary(
        cues=len(scenario.cues),
        clean_share=round(clean / len(scenario.cues), 4) if scenario.cues else 1.0,
        findings={rule: counts[rule] for rule in MESSAGES if rule in counts},
        worst=_worst(measures),
    )


def _worst(measures: Sequence[_Measure]) -> dict[str, Worst]:
    worst: dict[str, _Measure] = {}
    for measure in measures:
        if measure.rule not in worst or measure.excess > worst[measure.rule].excess:
            worst[measure.rule] = measure
    return {
        rule: Worst(round(case.value, 3), round(case.limit, 3), case.cue.id)
        for rule, case in ((rule, worst[rule]) for rule in MESSAGES if rule in worst)
    }
