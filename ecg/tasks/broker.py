"""What kombu's Redis transport does not do: go on after an acknowledgement that Redis did not get."""

from __future__ import annotations

from kombu.transport import redis, virtual
from kombu.transport.redis import Channel, QoS

_AWAY = redis.get_redis_error_classes().connection_errors


class ForgettingQoS(QoS):
    """A message that could not be acknowledged is done with all the same.

    kombu would count it as being worked on for as long as the connection lives; Celery only logs the error,
    and a worker that takes one message at a time then never takes another. What stays in Redis
    comes back after the visibility timeout, and finds its step claimed.
    """

    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)
        except _AWAY:
            virtual.QoS.ack(self, delivery_tag)
            raise


def install() -> None:
    """For all connections of this process."""
    Channel.QoS = ForgettingQoS
