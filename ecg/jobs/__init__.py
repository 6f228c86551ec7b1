"""The record of work: the only writer of the statuses of jobs and steps.

    graphs      which steps a job has, on which queue, what each needs
    lifecycle   create, cancel, requeue a job
    attempts    claim, renew, finish, fail one attempt at a step, under its fence
    dispatch    which ready steps are published next
    reconcile   brings back what died on the way
    milestones  what a person is told while waiting
    keeper      a process beside each worker that renews its lease and stops it in time

Every function takes an open session and is part of the caller's transaction. Whoever changes more
than a lease locks the job's row first, so two steps that end at once see each other. Only the
database's clock counts.
"""
