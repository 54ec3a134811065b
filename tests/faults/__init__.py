"""The corpus of faults: what is broken, and what must and must not come of it."""
