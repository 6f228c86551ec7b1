"""The upkeep worker. What beat asks for: sweeping what nobody needs any more."""

from ecg.jobs.graphs import Queue
from workers.consumer import consume

QUEUE = Queue.UPKEEP

if __name__ == "__main__":
    consume(QUEUE)
