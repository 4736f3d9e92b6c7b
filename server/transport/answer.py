"""The whole pipeline of one protocol request: verify, decode, desk, encode, sign.

A Refused becomes its refusal. Any other exception is logged and becomes TRY_LATER: never "ok",
never "final", because we do not know whether the payment was written.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping

import structlog

from server.agents import Agent
from server.messages import Outcome, RefusedOutcome
from server.payments.desk import PaymentDesk
from server.protocols import UNAVAILABLE, Codec, Request, Response, Verified
from server.refusals import Refusal, Refused
from server.transport.limits import Rates

Claim = Callable[[str, dt.datetime], Awaitable[bool]]
"""Claims a replay key until a moment; False when it was claimed before."""

_log = structlog.get_logger("answer")
_NO_SECRETS: Mapping[str, str] = {}


class Answering:
    """Answers protocol requests; counts nothing itself, `observe` is told every outcome."""

    def __init__(
        self,
        desk: PaymentDesk,
        rates: Rates,
        claim: Claim,
        observe: Callable[[Agent, Request, Outcome], None],
    ) -> None:
        self._desk = desk
        self._rates = rates
        self._claim = claim
        self._observe = observe

    async def answer(
        self, codec: Codec, request: Request, *, is_admitted: bool = False
    ) -> Response:
        """Never raises. `is_admitted`: the agent's rates have been asked already."""
        secrets = next(iter(request.agent.secrets), _NO_SECRETS)
        try:
            secrets, verified = _verify(codec, request)
            outcome = await self._outcome(codec, request, verified, is_admitted)
        except Refused as refused:
            _log.info("refused", agent=request.agent.name, refusal=refused.refusal.value,
                      detail=refused.detail)  # fmt: skip
            outcome = RefusedOutcome(refused.refusal, field=refused.field)
        except Exception:
            _log.exception("unexpected", agent=request.agent.name)
            outcome = RefusedOutcome(Refusal.TRY_LATER)
        return self._response(codec, request, outcome, secrets)

    async def _outcome(
        self, codec: Codec, request: Request, verified: Verified, is_admitted: bool
    ) -> Outcome:
        if verified.replay_key and verified.expires is not None:
            key = f"{request.agent.name}:{verified.replay_key}"
            if not await self._claim(key, verified.expires):
                raise Refused(Refusal.NOT_AUTHENTIC, "replayed")
        if not is_admitted:
            self._rates.admit(request.agent)
        return await self._desk.handle(request.agent, codec.decode(request))

    def _response(
        self, codec: Codec, request: Request, outcome: Outcome, secrets: Mapping[str, str]
    ) -> Response:
        if isinstance(outcome, RefusedOutcome) and outcome.refusal is Refusal.ACCOUNT_NOT_FOUND:
            self._rates.note_unknown_account(request.agent)
        self._observe(request.agent, request, outcome)
        try:
            return codec.sign(request, codec.encode(request, outcome), secrets)
        except Exception:
            _log.exception("encoding failed", agent=request.agent.name)
            return UNAVAILABLE


def _verify(codec: Codec, request: Request) -> tuple[Mapping[str, str], Verified]:
    """Try every valid set of secrets (two during a rotation). Raises Refused."""
    refused = Refused(Refusal.NOT_AUTHENTIC, "the agent has no secrets")
    for secrets in request.agent.secrets or (_NO_SECRETS,):
        try:
            return secrets, codec.verify(request, secrets, request.received_at)
        except Refused as error:
            refused = error
    raise refused
