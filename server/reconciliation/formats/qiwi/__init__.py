"""The daily registry of QIWI (OSMP)."""
