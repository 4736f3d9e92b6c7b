"""Paynet's SOAP service: six operations of ProviderWebService to commands, and outcomes back.

Contract: provider.wsdl, served at ?wsdl. A refusal is a status inside the operation's result; a
fault answers only what is no SOAP envelope or names no operation of ours.
"""

from __future__ import annotations

import datetime as dt
import hmac
from importlib.resources import files
from zoneinfo import ZoneInfo

from server.accounts import is_account_number
from server.agents import Agent
from server.messages import (
    AccountChecked,
    Cancel,
    ChangeSecret,
    CheckAccount,
    Command,
    GetStatement,
    GetStatus,
    Outcome,
    Pay,
    PaymentAccepted,
    PaymentCancelled,
    PaymentStatus,
    Reading,
    RefusedOutcome,
    SecretChanged,
    Statement,
)
from server.money import Money, MoneyError
from server.protocols import (
    Codec,
    Operation,
    Request,
    Response,
    Secrets,
    Verified,
    paynet_statuses,
    soap,
    xml,
)
from server.protocols.facts import Confidence, Facts, MoneyForm, Proof
from server.protocols.paynet import reply
from server.protocols.paynet.codes import (
    CANCELLED,
    OK,
    OPERATIONS,
    REPEATABLE,
    REPEATED,
    STATES,
    TABLE,
    Context,
    refusal_code,
)
from server.protocols.paynet.descriptors import FILES
from server.protocols.paynet.fast import fast
from server.protocols.paynet.request import Call, Strict, read, validated
from server.protocols.paynet.settings import (
    ACCOUNT_KEY,
    METER_PREFIX,
    SERVICE_IDS,
    TERMINAL_KEY,
    our_services,
)
from server.refusals import Refusal, Refused

_WSDL = files(__package__).joinpath("provider.wsdl").read_text("utf-8")
_ADDRESS = "http://localhost/"
# The refusals that speak of the state of the payment they carry; a conflict does not.
_OF_A_PAYMENT = frozenset({Refusal.PAYMENT_CANCELLED, Refusal.REVERSAL_FORBIDDEN})
_UNEXPECTED = RefusedOutcome(Refusal.TRY_LATER)


def verify(request: Request, secrets: Secrets, now: dt.datetime) -> Verified:
    """Compare the username and password elements with the agent's, in constant time."""
    call = read(request)
    username, password = secrets.get("username", ""), secrets.get("password", "")
    same = _equal(call.first("username"), username) & _equal(call.first("password"), password)
    # An agent without secrets is nobody's, not everybody's.
    if not (same and username and password):
        raise Refused(Refusal.NOT_AUTHENTIC, "username or password")
    return Verified()


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def decode(request: Request) -> Command:
    """The command in a request. Raises Refused, its field naming the part at fault."""
    call = read(request)
    strict = validated(call, request.agent)
    _require_our_service(strict, request.agent)
    return _command(call, strict, request.agent)


def _require_our_service(strict: Strict, agent: Agent) -> None:
    service = strict.text("serviceId")
    if service and str(int(service)) not in our_services(agent):
        raise Refused(Refusal.NOT_PERMITTED, f"service {service}", "serviceId")


def _command(call: Call, strict: Strict, agent: Agent) -> Command:
    transaction = strict.text("transactionId")
    match call.operation:
        case Operation.CHECK:
            return CheckAccount(_account(strict))
        case Operation.PAY:
            return Pay(
                agent_payment_id=transaction,
                account=_account(strict),
                amount=Money.parse_kopecks(strict.text("amount")),
                paid_at=_time(strict, "transactionTime", agent),
                readings=tuple(_reading(*each) for each in strict.readings),
                terminal=strict.text("terminal"),
            )
        case Operation.STATUS:
            return GetStatus(agent_payment_id=transaction)
        case Operation.CANCEL:
            return Cancel(agent_payment_id=transaction, reason=strict.text("reason"))
        case Operation.STATEMENT:
            return _statement(strict, agent)
        case _:
            return ChangeSecret("password", strict.text("newPassword"))


def _account(strict: Strict) -> str:
    account = strict.text("account")
    if not is_account_number(account):
        raise Refused(Refusal.ACCOUNT_MALFORMED, "unprintable characters")
    return account


def _reading(meter: str, text: str) -> Reading:
    whole, _, rest = text.partition(".")
    return Reading(meter, int(whole) * 1000 + int(f"{rest:0<3}"))


def _statement(strict: Strict, agent: Agent) -> GetStatement:
    # Payments are kept to the second, so one made within the first second belongs to the period.
    since = _time(strict, "dateFrom", agent)
    until = _time(strict, "dateTo", agent)
    if since > until:
        raise Refused(Refusal.DATE_MALFORMED, "dateFrom is after dateTo", "dateFrom")
    return GetStatement(since, until, _ids_only(strict.text("onlyTransactionId")))


def _time(strict: Strict, name: str, agent: Agent) -> dt.datetime:
    """UTC, to the second; a time without an offset is the agent's local time."""
    moment = dt.datetime.fromisoformat(strict.text(name))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(agent.zone))
    return moment.astimezone(dt.UTC).replace(microsecond=0)


def _ids_only(text: str) -> bool:
    return text.strip() in ("true", "1")


def encode(request: Request, outcome: Outcome) -> Response:
    """The result of the operation that the request names; a fault when it names none."""
    try:
        call = read(request)
    except Refused as error:
        return _fault(soap.expected_version(request.headers), outcome, error)
    if not call.name:
        return _fault(call.version, outcome)
    return soap.respond(call.version, _result(request, call, outcome))


def _fault(version: soap.Version, outcome: Outcome, error: Refused | None = None) -> Response:
    refusal = outcome.refusal if isinstance(outcome, RefusedOutcome) else Refusal.TRY_LATER
    text = TABLE[Operation.UNKNOWN, refusal].text
    if not refusal.final:
        return soap.fault(version, soap.FaultCode.SERVER, text)
    if error is not None and error.field == soap.ENVELOPE:
        return soap.fault(version, soap.FaultCode.VERSION_MISMATCH, text)
    return soap.fault(version, soap.FaultCode.CLIENT, text)


def _result(request: Request, call: Call, outcome: Outcome) -> str:
    agent = request.agent
    now = reply.local(request.received_at, agent)
    match call.operation, outcome:
        case Operation.CHECK, AccountChecked(view):
            return reply.result(call.name, OK, now, reply.information(view, agent))
        case Operation.PAY, PaymentAccepted():
            return _performed(request, call, outcome)
        case Operation.STATUS, PaymentStatus(payment):
            return reply.result(call.name, OK, now, reply.checked(payment))
        case Operation.CANCEL, PaymentCancelled(payment, repeated):
            code = TABLE[call.operation, Refusal.PAYMENT_CANCELLED] if repeated else OK
            moment = reply.local(payment.state_at, agent)
            return reply.result(call.name, code, moment, reply.cancelled(payment))
        case Operation.STATEMENT, Statement(payments):
            tail = reply.statement(payments, agent, _ids_only(call.first("onlyTransactionId")))
            return reply.result(call.name, OK, now, tail)
        case Operation.CHANGE_SECRET, SecretChanged():
            return reply.result(call.name, OK, now, "")
        case _, RefusedOutcome():
            return _refused(request, call, outcome)
        case _:
            return _refused(request, call, _UNEXPECTED)


def _performed(request: Request, call: Call, accepted: PaymentAccepted) -> str:
    payment = accepted.payment
    if STATES[payment.state] == CANCELLED:
        return _refused(request, call, RefusedOutcome(Refusal.PAYMENT_CANCELLED, payment))
    code = REPEATED if accepted.repeated else OK
    moment = reply.local(payment.recorded_at, request.agent)
    return reply.result(call.name, code, moment, reply.performed(payment, request.agent))


def _refused(request: Request, call: Call, outcome: RefusedOutcome) -> str:
    ours = outcome.payment if outcome.refusal in _OF_A_PAYMENT else None
    moment = ours.state_at if ours else request.received_at
    code = refusal_code(outcome, _context(request, call))
    # An unknown operation that SOAPAction names is answered with that operation's elements.
    operation = OPERATIONS[call.name]
    return reply.result(
        call.name, code, reply.local(moment, request.agent), reply.refused(operation, ours)
    )


def _context(request: Request, call: Call) -> Context:
    try:
        amount = Money.parse_kopecks(call.first("amount").strip())
    except MoneyError:
        amount = None
    return Context(
        operation=call.operation,
        agent=request.agent,
        keys=tuple(key for key, _ in call.parameters),
        amount=amount,
    )


def _checked(request: Request) -> str | None:
    """The account, if this is in every way a check that we would answer in SOAP 1.1."""
    for secrets in request.agent.secrets:
        try:
            verify(request, secrets, request.received_at)
            command = decode(request)
        except Refused:
            continue
        if isinstance(command, CheckAccount) and read(request).version is soap.Version.SOAP_11:
            return command.account
    return None


def _wsdl(address: str) -> tuple[str, bytes]:
    served = _WSDL.replace(f'location="{_ADDRESS}"', f'location="{xml.escape(address)}"')
    return xml.content_type(), served.encode()


CODEC = Codec(
    name="paynet",
    title="Paynet, SOAP (ProviderWebService)",
    facts=Facts(
        Confidence.OFFICIAL,
        MoneyForm.KOPECKS,
        encodings=("utf-8", "windows-1251"),
        proofs=(Proof.CREDENTIALS,),
        secrets=("username", "password"),
    ),
    operations=frozenset((*OPERATIONS.values(), Operation.UNKNOWN)),
    decode=decode,
    encode=encode,
    codes=TABLE,
    repeatable=REPEATABLE,
    ok=OK.code,
    duplicate=REPEATED.code,
    settings=(
        SERVICE_IDS,
        ACCOUNT_KEY,
        TERMINAL_KEY,
        METER_PREFIX,
        *paynet_statuses.SETTINGS,
    ),
    verify=verify,
    fast=lambda agent: fast(agent, _checked),
    documents={"wsdl": _wsdl},
    files=FILES,
)
