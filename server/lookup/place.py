"""Where Redis is: one server, or a few nodes of a cluster by which the others are found."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from server.lookup.link import Link, LinkLostError, Node
from server.lookup.slots import Address, Topology, read_topology

_CLUSTER = "+cluster"
_LOOK_SECONDS = 1.0


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


async def look(place: Place) -> Topology:
    """The cluster as the first seed that answers sees it. Raises OSError."""
    failure: OSError = LinkLostError("no node of the cluster answers")
    for seed in place.seeds:
        try:
            return await ask_topology(seed)
        except OSError as error:
            failure = error
    raise failure


async def ask_topology(node: Node) -> Topology:
    """The cluster as the node sees it, on a connection of its own. Raises OSError."""
    link = await Link.connect(node)
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            reply = await link.call("CLUSTER", "SLOTS")
        return read_topology(reply, (node.host, node.port))
    except ValueError as error:
        raise LinkLostError(str(error)) from error
    finally:
        link.abort()
