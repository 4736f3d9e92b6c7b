"""Click from its own side: Prepare, then Complete under the provider's number."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from server.agents import Agent
from server.protocols import Operation, Request, Response, Secrets, form, local_time
from server.protocols.agents_side import (
    UNREADABLE,
    Decision,
    Exchange,
    Habits,
    Intent,
    Network,
    Verdict,
)
from server.protocols.click import settings
from server.protocols.click.codes import (
    CANCELLED,
    COMPLETE,
    DUPLICATE,
    OK,
    PREPARE,
    REPEATABLE,
)
from server.protocols.click.requests import SECRET, SIGN_TIME, digest


def _prepare(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _post(intent, agent, secrets, action=PREPARE, error=OK.code)


def _complete(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _post(
        intent,
        agent,
        secrets,
        action=COMPLETE,
        error=OK.code,
        merchant_prepare_id=intent.payment_id,
    )


def _abandon(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _post(
        intent,
        agent,
        secrets,
        action=COMPLETE,
        error=CANCELLED.code,
        merchant_prepare_id=intent.payment_id,
    )


def _post(intent: Intent, agent: Agent, secrets: Secrets, **more: str) -> Exchange:
    said = {
        "click_trans_id": intent.agent_payment_id,
        "service_id": settings.SERVICE_IDS.of(agent).split()[0],
        "click_paydoc_id": intent.agent_payment_id,
        "merchant_trans_id": intent.account,
        "amount": str(intent.amount),
        "error_note": intent.reason or "Success",
        "sign_time": local_time.write(intent.paid_at, SIGN_TIME, agent.zone),
        **more,
    }
    headers = {"content-type": form.CONTENT_TYPE}
    unsigned = Request(
        "POST", "", "", headers, urlencode(said).encode(), agent, received_at=intent.sent_at
    )
    said["sign_string"] = digest(form.read(unsigned), secrets[SECRET])
    return Exchange("POST", headers=tuple(headers.items()), body=urlencode(said).encode())


def _read(
    operation: Operation, _exchange: Exchange, response: Response, _agent: Agent, _: Secrets
) -> Verdict:
    if response.status != 200:
        return UNREADABLE
    try:
        said = msgspec.json.decode(response.body)
    except msgspec.DecodeError:
        return UNREADABLE
    if not isinstance(said, dict) or not isinstance(said.get("error"), int):
        return UNREADABLE
    code = str(said["error"])
    if code in REPEATABLE:
        return Verdict(Decision.REPEAT, code)
    number = said.get("merchant_prepare_id", said.get("merchant_confirm_id", ""))
    wanted = CANCELLED.code if operation is Operation.CANCEL else OK.code
    accepted = code in (wanted, DUPLICATE.code)
    return Verdict(Decision.ACCEPTED if accepted else Decision.REFUSED, code, str(number))


# How often it repeats is published nowhere; these are the pauses of QIWI.
NETWORK = Network(
    asks={Operation.HOLD: _prepare, Operation.CONFIRM: _complete},
    read=_read,
    habits=Habits(pauses_seconds=(60, 120, 300, 900, 1800, 3600), lifetime_seconds=86_400),
    abandon=_abandon,
)
