"""Faults on purpose: real processes are killed, stopped, cut off and lied to, and nothing may be lost.

cluster   Postgres, Redis, workers, dispatchers and web on this machine, each of which can be killed
fakes     task bodies under the real names that do as their job's params say, and note each attempt
faults    named points in the code at which a process kills itself when asked to
proxy     a TCP link that can drop bytes or stall
account   what became of everything that was accepted
scale     how large each figure is run: in the ordinary test run, and in full
worker, dispatcher, web   entries of the processes: the real ones, with fakes and fault points in them
"""
