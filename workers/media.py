"""The media worker. CPU work: probing, decoding, measuring, merging, joining."""

from ecg.jobs.graphs import Queue
from workers.consumer import consume

QUEUE = Queue.MEDIA

if __name__ == "__main__":
    consume(QUEUE)
