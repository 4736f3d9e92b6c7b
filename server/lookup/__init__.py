"""Checks without PostgreSQL: snapshots in Redis, kept by a feed, read through a near cache."""
