"""What the rows of the bench are called, in one place, because the report looks for them."""

from __future__ import annotations

OURS_HOT = "kvitok, hot"
OURS_ASKED = "kvitok, Redis asked every time"
OURS_SOAP = "kvitok, SOAP GetInformation, hot"
OURS_SLOW = "kvitok, fast lane off, hot"

NGINX_STATIC = "nginx, a file"
NGINX_TCP = "nginx + Lua + Redis, TCP"
NGINX_TCP_UNIFORM = "nginx + Lua + Redis, TCP, uniform"
NGINX_UNIX = "nginx + Lua + Redis, unix socket"
NGINX_DICT = "nginx + Lua shared dict"
AIOHTTP = "plain aiohttp + redis-py"
PHP = "php-fpm + phpredis"


def of_shape(shape: str) -> str:
    """The hot row with another head."""
    return f"{OURS_HOT}, {shape}"
