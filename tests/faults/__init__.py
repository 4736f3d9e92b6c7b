"""Faults of every kind against the real server, and a checker of what was told meanwhile."""
