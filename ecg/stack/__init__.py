"""The whole of ECG on one machine: embedded services, one supervisor, and a doctor.

embedded    real Postgres and Redis, started from wheels or the system's binaries
supervisor  keeps every process of the stack running and lets none outlive it
doctor      says what is missing and how to get it
"""
