from __future__ import annotations

from tests.webhooks.receiver import a_port, receiver

__all__ = ["a_port", "receiver"]
