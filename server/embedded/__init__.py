"""PostgreSQL and Valkey of our own, for the demo and the tests: start, stop, nothing left over."""

from server.embedded.errors import EmbeddedError
from server.embedded.postgres import EmbeddedPostgres
from server.embedded.valkey import EmbeddedValkey

__all__ = ["EmbeddedError", "EmbeddedPostgres", "EmbeddedValkey"]
