"""The render worker. A warm browser and an encoder; one process per GPU."""

from ecg.jobs.graphs import Queue
from workers.consumer import consume

QUEUE = Queue.RENDER

if __name__ == "__main__":
    consume(QUEUE)
