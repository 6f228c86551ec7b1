"""Webhooks: addresses of users that are called when their jobs end.

    registry  make, list, rotate, remove webhooks
    outbox    what each is still to be told, and what became of it
    calling   one call, through the guarded way out

The outbox is written in the transaction that ends a job, and emptied by `workers.webhooks`: every event
arrives at least once, or is given up after days; a receiver knows repeats by the event's id.
"""
