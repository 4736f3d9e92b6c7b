"""The configuration files of an embedded PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

ACCESS = """\
# Written by kvitok at each start: a password everywhere, also on loopback.
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
local replication all scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""

_MEGABYTE = 1 << 20
_DOCKER_SHM = 64 * _MEGABYTE
_SOCKET_PATH_BYTES_MAX = 107  # sun_path of unix(7), less the closing zero


def configuration(major: int, port: int, sockets: Path | None, settings: Mapping[str, str]) -> str:
    """The text of postgresql.conf; the caller's settings win over ours."""
    values = {**_ours(major), **settings}
    values["listen_addresses"] = "127.0.0.1"
    values["port"] = str(port)
    values["unix_socket_directories"] = str(sockets) if sockets else ""
    lines = [f"{name} = '{_quoted(value)}'" for name, value in values.items()]
    head = "# Written by kvitok at each start; what you want otherwise: ALTER SYSTEM SET."
    return "\n".join([head, *lines, ""])


def fits_socket(path: Path) -> bool:
    """Whether PostgreSQL can listen on the path, and take its directory out of a list of them."""
    text = str(path)
    return len(os.fsencode(text)) <= _SOCKET_PATH_BYTES_MAX and not set(text) & set(" ,\"'\\")


def _ours(major: int) -> dict[str, str]:
    memory = _memory_bytes() // _MEGABYTE
    return {
        # The feed reads the log; a consumer that stays away must not fill the disk.
        "wal_level": "logical",
        "max_replication_slots": "16",
        "max_wal_senders": "16",
        "wal_sender_timeout": "5s",
        "max_slot_wal_keep_size": "4GB",
        # A month's run is one transaction; below this the walsender spills it to disk.
        "logical_decoding_work_mem": f"{min(max(memory // 16, 64), 512)}MB",
        # Recovery after a crash replays at most about this much.
        "max_wal_size": "1GB",
        "min_wal_size": "128MB",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "autovacuum": "on",
        "max_connections": "200",
        "password_encryption": "scram-sha-256",
        "shared_buffers": f"{min(max(memory // 8, 64), 512)}MB",
        "effective_cache_size": f"{max(memory // 2, 128)}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": f"{min(max(memory // 16, 64), 256)}MB",
        "huge_pages": "off",
        "random_page_cost": "1.1",
        "jit": "off",
        "dynamic_shared_memory_type": _shared_memory(),
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "datestyle": "iso, dmy",
        "cluster_name": "kvitok",
        # Statements and details quote residents' data, so they stay out of the log.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_checkpoints": "off",
        "log_line_prefix": "%m [%p] ",
        **({"io_method": "worker"} if major >= 18 else {}),
    }


def _shared_memory() -> str:
    """Containers give /dev/shm 64 MB, in which a parallel query dies for want of space."""
    try:
        room = os.statvfs("/dev/shm")
    except OSError:
        return "mmap"
    return "posix" if room.f_blocks * room.f_frsize > _DOCKER_SHM else "mmap"


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")
