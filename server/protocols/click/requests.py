"""Click requests: the signature over the values as received, then Prepare or Complete."""

from __future__ import annotations

import datetime as dt
import re

from server.messages import Cancel, Command, Confirm, Expected, Hold
from server.money import Money
from server.protocols import (
    Operation,
    Request,
    Secrets,
    Verified,
    fields,
    form,
    local_time,
    signatures,
)
from server.protocols.click import settings
from server.protocols.click.codes import COMPLETE, PREPARE
from server.refusals import Refusal, Refused, outline

SECRET = "secret"
SIGN_TIME = "%Y-%m-%d %H:%M:%S"

_ID_LENGTH_MAX = 20
# A float, as Click writes it; what stands beyond the second decimal must be zeros.
_DECIMALS_MAX = 6
_ERROR = re.compile(r"-?[0-9]{1,10}")
_FAILED = re.compile(r"-0*[1-9]")


def form_of(request: Request) -> form.Form:
    """The request's parameters. Raises Refused(MALFORMED)."""
    return form.read(request)


def digest(given: form.Form, secret: str) -> str:
    """What `sign_string` must be. Raises Refused(MALFORMED)."""
    complete = given.get("action") == COMPLETE
    parts = (
        given.get("click_trans_id"),
        given.get("service_id"),
        secret,
        given.get("merchant_trans_id"),
        given.get("merchant_prepare_id") if complete else "",
        given.get("amount"),
        given.get("action"),
        given.get("sign_time"),
    )
    return signatures.digest_hex(signatures.Digest.MD5, "".join(parts).encode())


def verify(request: Request, secrets: Secrets, _now: dt.datetime) -> Verified:
    """MD5 over the values with the secret among them. Raises Refused."""
    secret = signatures.secret(secrets, SECRET)
    try:
        given = form_of(request)
        signatures.require_hex(given.get("sign_string"), digest(given, secret))
        window = settings.WINDOW_MINUTES.of(request.agent)
        if window != settings.OFF:
            signatures.require_fresh(_sign_time(given, request), request, int(window))
    except Refused:
        raise signatures.wrong() from None
    return Verified()


def operation_of(given: form.Form) -> Operation:
    """What is asked for. A Complete that reports a failure cancels. Raises Refused(MALFORMED)."""
    action = given.get("action")
    if action == PREPARE:
        return Operation.HOLD
    if action != COMPLETE:
        return Operation.UNKNOWN
    return Operation.CANCEL if _FAILED.match(given.get("error")) else Operation.CONFIRM


def decode(request: Request) -> Command:
    """What Click wants. Raises Refused."""
    given = form_of(request)
    operation = operation_of(given)
    if operation is Operation.UNKNOWN:
        raise Refused(Refusal.UNKNOWN_OPERATION, given.get("action")[:40], "action")
    if given.get("service_id") not in settings.SERVICE_IDS.of(request.agent).split():
        raise Refused(Refusal.NOT_PERMITTED, given.get("service_id")[:40], "service_id")
    if _ERROR.fullmatch(given.get("error")) is None:
        raise Refused(Refusal.MALFORMED, outline(given.get("error")), "error")
    click_trans_id = fields.digits(given.get("click_trans_id"), "click_trans_id", _ID_LENGTH_MAX)
    account = fields.account(given.get("merchant_trans_id"), "merchant_trans_id")
    amount = amount_of(given)
    signed_at = _sign_time(given, request)
    expected = Expected(agent_payment_id=click_trans_id, account=account, amount=amount)
    match operation:
        case Operation.CONFIRM:
            return Confirm(payment_id=_prepare_id(given), expected=expected)
        case Operation.CANCEL:
            reason = _printable(f"{given.get('error')} {given.get('error_note')}")
            return Cancel(
                payment_id=_prepare_id(given), reason=reason, only_held=True, expected=expected
            )
        case _:
            return Hold(
                agent_payment_id=click_trans_id,
                account=account,
                amount=amount,
                valid_seconds=settings.hold_seconds(request.agent),
                paid_at=signed_at,
            )


def amount_of(given: form.Form) -> Money:
    """The sum. Raises Refused(AMOUNT_MALFORMED)."""
    return fields.roubles(given.get("amount"), "amount", decimals=_DECIMALS_MAX)


def _sign_time(given: form.Form, request: Request) -> dt.datetime:
    return local_time.read(given.get("sign_time"), SIGN_TIME, request.agent.zone)


def _prepare_id(given: form.Form) -> int:
    return fields.our_number(given.get("merchant_prepare_id"), "merchant_prepare_id")


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:200].strip()
