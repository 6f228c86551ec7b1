"""The audio worker. Speech models, kept warm; one process per GPU."""

from ecg.jobs.graphs import Queue
from workers.consumer import consume

QUEUE = Queue.AUDIO

if __name__ == "__main__":
    consume(QUEUE)
