"""OSMP / QIWI: terminals' XML over HTTP."""
