"""Sidecar files: captions beside a video, as text that other programs read and write.

    write: Scenario ──► SubRip · WebVTT · ASS · TTML (IMSC 1.1 Text) · JSON · plain text
    read:  SubRip · WebVTT ──► Transcript, to be composed in any style
"""

from ecg.captions.sidecars.formats import FORMATS, Format, format_named, write
from ecg.captions.sidecars.reading import MAX_BYTES, MAX_CUES, read

__all__ = ["FORMATS", "MAX_BYTES", "MAX_CUES", "Format", "format_named", "read", "write"]
