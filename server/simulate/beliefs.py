"""What a network believes of its payments, what we hold, and where the two differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from server.messages import PaymentState
from server.money import Money
from server.protocols.agents_side import Intent, Listed


class Belief(Enum):
    """What a network takes a payment for when it asks no more."""

    CREDITED = "credited"
    CANCELLED = "cancelled"
    """It was credited and is undone."""
    NOT_CREDITED = "not_credited"
    UNKNOWN = "unknown"
    """It was asked to be undone and nobody answered."""


_HELD_AS = {
    Belief.CREDITED: (PaymentState.CREDITED,),
    Belief.CANCELLED: (PaymentState.CANCELLED, PaymentState.REVERSED),
    # What is held only is nobody's yet, and expires.
    Belief.NOT_CREDITED: (
        None,
        *(state for state in PaymentState if state is not PaymentState.CREDITED),
    ),
}


@dataclass(slots=True)
class Claim:
    """One payment through all that is asked about it."""

    intent: Intent
    belief: Belief = Belief.NOT_CREDITED
    is_sent: bool = False
    """Whether it went beyond a check."""
    is_turned_away: bool = False
    """Nobody answered the check, so the payer went away."""
    keeps_cash: bool = False
    """Refused when the payer had the receipt already: the registry of the day settles it."""
    contradictions: list[str] = field(default_factory=list)
    """Answers to one request that cannot both be true, and those that cannot be read."""
    place: int = 0
    """Of the day's payments, from 0: what happens to it is the same for the same seed."""


@dataclass(frozen=True, slots=True)
class Held:
    """A payment as the ledger has it."""

    account: str
    amount: Money
    state: PaymentState


@dataclass(frozen=True, slots=True)
class Difference:
    """Where belief and ledger are not one."""

    agent_payment_id: str
    said: str


def compare(claims: Sequence[Claim], held: Mapping[str, Held]) -> tuple[Difference, ...]:
    """Every difference; `held` by the network's number."""
    return tuple(difference for claim in claims for difference in _of(claim, held))


def silence(claims: Sequence[Claim]) -> tuple[Difference, ...]:
    """That both agree on nothing says nothing when nobody ever answered."""
    if any(claim.is_sent for claim in claims) or not any(each.is_turned_away for each in claims):
        return ()
    return (Difference("", "no check was answered, so nothing was paid"),)


def _of(claim: Claim, held: Mapping[str, Held]) -> Iterator[Difference]:
    intent = claim.intent
    number = intent.agent_payment_id
    recorded = held.get(number)
    for said in claim.contradictions:
        yield Difference(number, said)
    if claim.belief is Belief.UNKNOWN:
        yield Difference(number, "nobody answered whether it is cancelled")
        return
    state = recorded.state if recorded else None
    if state not in _HELD_AS[claim.belief]:
        yield Difference(
            number,
            f"believed {claim.belief.value}, recorded {state.value if state else 'nothing'}",
        )
    if recorded and (recorded.account, recorded.amount) != (intent.account, intent.amount):
        yield Difference(
            number,
            f"paid {intent.amount} for {intent.account},"
            f" recorded {recorded.amount} for {recorded.account}",
        )


def compare_statuses(
    claims: Sequence[Claim], statuses: Mapping[str, bool]
) -> tuple[Difference, ...]:
    """The same against what the protocol's own status says: whether it is credited."""
    return tuple(
        Difference(
            number,
            f"believed {claim.belief.value}, the status says"
            f" {'credited' if statuses[number] else 'not credited'}",
        )
        for claim in claims
        if (number := claim.intent.agent_payment_id) in statuses
        and claim.belief is not Belief.UNKNOWN
        and statuses[number] is not (claim.belief is Belief.CREDITED)
    )


def compare_list(
    claims: Sequence[Claim], listed: Sequence[Listed] | None
) -> tuple[Difference, ...]:
    """The same against the list that the protocol itself gives; None = there was none to read."""
    if listed is None:
        return (Difference("", "the list of payments cannot be read"),)
    ours = {claim.intent.agent_payment_id: claim for claim in claims}
    shown: dict[str, Money] = {}
    found = []
    for each in listed:
        if each.agent_payment_id in shown:
            found.append(Difference(each.agent_payment_id, "listed twice"))
        if each.agent_payment_id in ours:
            shown[each.agent_payment_id] = each.amount
    for number, claim in ours.items():
        believed = claim.intent.amount if claim.belief is Belief.CREDITED else None
        if claim.belief is not Belief.UNKNOWN and shown.get(number) != believed:
            said = f"believed {believed or 'nothing'}, listed {shown.get(number, 'nothing')}"
            found.append(Difference(number, said))
    return tuple(found)
