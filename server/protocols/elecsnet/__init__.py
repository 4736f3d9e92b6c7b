"""Элекснет: a line of raw windows-1251 in, a line out, RSA with MD5 in both directions."""
