"""SubRip: plain text and times. A speaker is named at the start of a cue where the speaker changes."""

from __future__ import annotations

import re

from ecg.captions.scenario import Scenario
from ecg.captions.sidecars.shown import WORD_JOINER, clock, shown_cues, speaker_names

# SubRip has no escapes. What players take for tags, times or (those that draw with libass) for ASS codes is
# kept apart by an invisible word joiner; no player shows what stands in braces as it is.
_TAG, _CODE, _ARROW = re.compile("<"), re.compile(r"\\"), re.compile("-->")
_BRACES = str.maketrans("{}", "｛｝")


def to_text(scenario: Scenario) -> str:
    """``scenario`` as SubRip."""
    names, before, blocks = speaker_names(scenario), None, []
    for number, cue in enumerate(shown_cues(scenario), start=1):
        named = len(names) > 1 and cue.speaker != before
        text = escaped(f"{names[cue.speaker]}: {cue.text}" if named else cue.text)
        blocks.append(f"{number}\n{clock(cue.start_ms, ',')} --> {clock(cue.end_ms, ',')}\n{text}\n")
        before = cue.speaker
    return "\n".join(blocks)


def escaped(text: str) -> str:
    """``text`` without anything that a player would obey instead of showing it."""
    text = _ARROW.sub(f"--{WORD_JOINER}>", text.translate(_BRACES))
    return _CODE.sub(rf"\\{WORD_JOINER}", _TAG.sub(f"<{WORD_JOINER}", text))


def unescaped(text: str) -> str:
    """What `escaped` was given, except for braces."""
    return re.sub(f"(<|\\\\|--){WORD_JOINER}", r"\1", text)
