"""A fuzzer's bytes as a request to one codec, with an outcome to answer; seeds from the vectors.

Byte 0 chooses the vector whose agent, secrets and headers are used, byte 1 the outcome, byte 2 says
what the rest is: the body or the query, of the vector's method or the other one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from server.messages import Outcome, RefusedOutcome, SecretChanged
from server.protocols import Codec, Operation, Request, load
from server.refusals import Refusal
from tests.protocols.vectors import Vector, load_vectors

HEAD_BYTES = 3
_STRANGE = SecretChanged()
_AS_IS, _OTHER_PLACE, _OTHER_METHOD = 0, 1, 2
_QUERY = ("utf-8", "surrogateescape")
"""As the transport reads it."""
_OTHER = {"GET": "POST", "POST": "GET"}


@dataclass(frozen=True)
class Case:
    """What one input stands for."""

    codec: Codec
    request: Request
    secrets: Mapping[str, str]
    outcome: Outcome


@cache
def vectors_of(name: str) -> tuple[Vector, ...]:
    """A protocol's vectors, in the order of their names."""
    return tuple(vector for vector in load_vectors() if vector.protocol == name)


@cache
def outcomes_of(name: str) -> Sequence[Outcome]:
    """Every outcome that its vectors answer, every refusal, and one that answers nothing."""
    replies = [reply.outcome for vector in vectors_of(name) for reply in vector.replies]
    refusals = [RefusedOutcome(refusal) for refusal in Refusal]
    return tuple(dict.fromkeys((*replies, *refusals, _STRANGE)))


def read(name: str, data: bytes) -> Case:
    """Any bytes are a case."""
    vector_byte, outcome_byte, flags = data[:HEAD_BYTES].ljust(HEAD_BYTES, b"\0")
    vectors, outcomes = vectors_of(name), outcomes_of(name)
    vector = vectors[vector_byte % len(vectors)]
    request, rest = vector.request, data[HEAD_BYTES:]
    in_body = bool(request.body) is not bool(flags & _OTHER_PLACE)
    if flags & _OTHER_METHOD:
        request = replace(request, method=_OTHER.get(request.method, "PUT"))
    if in_body:
        request = replace(request, body=rest)
    else:
        request = replace(request, query=rest.decode(*_QUERY))
    return Case(load()[name], request, vector.secrets, outcomes[outcome_byte % len(outcomes)])


def seeds(name: str) -> Iterator[bytes]:
    """Every vector with each of its answers, one of each operation with every refusal."""
    vectors, outcomes = vectors_of(name), outcomes_of(name)
    assert len(vectors) <= 256, name
    assert len(outcomes) <= 256, name
    refused = set[Operation]()
    for place, vector in enumerate(vectors):
        rest = vector.request.body or vector.request.query.encode(*_QUERY)
        answers = [reply.outcome for reply in vector.replies]
        if vector.operation not in refused:
            answers += [*map(RefusedOutcome, Refusal), _STRANGE]
            refused.add(vector.operation)
        for outcome in answers:
            yield bytes((place, outcomes.index(outcome), _AS_IS)) + rest
