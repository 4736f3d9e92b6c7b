"""24 NonStop: ACT=1, 4 and 7 in a query string, signed by a digest over a shared secret."""
