"""Where files are kept: uploads, what steps leave, finished videos."""

from __future__ import annotations

from ecg.config import Settings
from ecg.secrets import derived_key
from ecg.storage.links import Grant
from ecg.storage.local import LocalStore
from ecg.storage.store import Link, Store

__all__ = ["Grant", "Link", "LocalStore", "Store", "store"]


def store(settings: Settings) -> Store:
    """The store that the settings name."""
    assert settings.store_dir is not None
    return LocalStore(settings.store_dir, derived_key(settings, "store links"))
