"""Incidents as people work on them: who took it, how grave it is, and what to tell others.

A guard opens and closes its incident (`daemon.guard`); this package never does a guard's part.
"""
