"""Where Redis is: one server, or a few nodes of a cluster by which the others are found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from server.lookup.link import Node
from server.lookup.slots import Address

_CLUSTER = "+cluster"


@dataclass(frozen=True, slots=True)
class Place:
    """What a URL says."""

    seeds: tuple[Node, ...]
    is_cluster: bool = False

    @classmethod
    def from_url(cls, url: str) -> Place:
        """As Node.from_url; redis+cluster://user:password@host:port,host:port names a cluster.

        Raises ValueError.
        """
        parts = urlsplit(url)
        if not parts.scheme.endswith(_CLUSTER):
            return cls((Node.from_url(url),))
        scheme = parts.scheme.removesuffix(_CLUSTER)
        if scheme not in ("redis", "rediss"):
            raise ValueError("a cluster is named by redis+cluster:// or rediss+cluster://")
        secret, at, hosts = parts.netloc.rpartition("@")
        seeds = tuple(
            Node.from_url(parts._replace(scheme=scheme, netloc=secret + at + host).geturl())
            for host in hosts.split(",")
        )
        if any(seed.database for seed in seeds):
            raise ValueError("a cluster has one database, number 0")
        return cls(seeds, is_cluster=True)

    def node_at(self, address: Address) -> Node:
        """A node of the cluster; all take the same password."""
        return replace(self.seeds[0], host=address[0], port=address[1])
