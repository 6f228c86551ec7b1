"""Captions: from a transcript to a scenario, and the player that shows it."""

from ecg.captions.composer import compose
from ecg.captions.draft import Draft
from ecg.captions.fonts import PLAYER_DIR
from ecg.captions.scenario import Scenario, json_schema
from ecg.captions.style import Style, load_style, style_names

__all__ = ["PLAYER_DIR", "Draft", "Scenario", "Style", "compose", "json_schema", "load_style", "style_names"]
