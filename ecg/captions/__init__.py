"""Captions: from a transcript to a scenario, and the player that shows it."""

from ecg.captions.fonts import PLAYER_DIR

__all__ = ["PLAYER_DIR"]
