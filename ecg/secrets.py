"""The one secret of an installation, and the keys derived from it.

It is the setting ``secret_key``, or else a random key made at the first start and kept in the data
folder, readable by its owner only. No part of ECG uses the secret itself: each derives its own key, so
a signature made for one purpose is worth nothing for another.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from ecg.config import Settings


def derived_key(settings: Settings, purpose: str) -> str:
    """A key for one purpose: 64 hexadecimal digits (HMAC-SHA256 of the purpose under the secret)."""
    return hmac.new(secret_key(settings).encode(), f"ecg:{purpose}".encode(), "sha256").hexdigest()


def seal(settings: Settings, purpose: str, text: str) -> str:
    """A text that only this installation can read again."""
    return _fernet(settings, purpose).encrypt(text.encode()).decode()


def unseal(settings: Settings, purpose: str, sealed: str) -> str | None:
    """The text that was sealed; ``None`` when the secret of the installation was another one then."""
    try:
        return _fernet(settings, purpose).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None


def _fernet(settings: Settings, purpose: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(bytes.fromhex(derived_key(settings, purpose))))


def secret_key(settings: Settings) -> str:
    """The installation's secret, made now if there is none yet."""
    return settings.secret_key or kept(settings.data_dir / "secrets" / "secret_key")


def kept(path: Path) -> str:
    """The secret in this file, made now if it is not there yet; only its owner can read it."""
    if not path.exists():
        _make(path)
    return path.read_text()


def _make(path: Path) -> None:
    """Processes that start together all try; linking a finished file lets exactly one win."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    made = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(made, path)
    except FileExistsError:
        pass  # another process was first; its key is everybody's
    finally:
        made.unlink()
