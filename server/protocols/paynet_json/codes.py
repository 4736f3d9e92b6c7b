"""Paynet's errors in JSON: the network's statuses, and those of JSON-RPC for calls as such."""

from __future__ import annotations

from dataclasses import replace

from server.messages import PaymentState, RefusedOutcome
from server.protocols import Code, CodeTable, Operation, json_rpc, paynet_statuses
from server.refusals import Refusal

OPERATIONS = {
    "GetInformation": Operation.CHECK,
    "PerformTransaction": Operation.PAY,
    "CheckTransaction": Operation.STATUS,
    "CancelTransaction": Operation.CANCEL,
    "GetStatement": Operation.STATEMENT,
    "ChangePassword": Operation.CHANGE_SECRET,
}

OK = Code("0", "OK")
REPEATED = paynet_statuses.REPEATED
REPEATABLE = paynet_statuses.REPEATABLE
ALREADY_CANCELLED = paynet_statuses.REFUSALS[Refusal.PAYMENT_CANCELLED]
"""What cancelling again is answered with; to CancelTransaction a success."""

NOT_FOUND = 3
"""transactionState where there is no such transaction."""
PERFORMED = 1
CANCELLED = 2
STATES = {PaymentState.CREDITED: PERFORMED, PaymentState.HELD: NOT_FOUND}
"""Every other one is CANCELLED."""

PARAMS = "params"
"""The field of a refusal whose parameters lack something mandatory or are of a wrong type."""

_CALL_CODES = {
    json_rpc.NOT_POST: Code("-32300", "Метод запроса не POST"),
    json_rpc.NOT_JSON: Code("-32700", "Запрос не является JSON"),
    json_rpc.NOT_A_CALL: Code("-32600", "Запрос не является вызовом JSON-RPC"),
    PARAMS: Code("-32602", "Не заданы обязательные параметры, или их тип неверен"),
}
_OWN = {
    Refusal.NOT_AUTHENTIC: replace(paynet_statuses.REFUSALS[Refusal.NOT_AUTHENTIC], status=401),
    Refusal.UNKNOWN_OPERATION: Code("-32601", "Метод не найден"),
    Refusal.PAYMENT_ID_MALFORMED: Code("-32602", "Неверный номер транзакции"),
}

CODES: CodeTable = {
    (operation, refusal): _OWN.get(refusal, code)
    for operation in (*OPERATIONS.values(), Operation.UNKNOWN)
    for refusal, code in paynet_statuses.REFUSALS.items()
}


def refusal_code(
    operation: Operation, outcome: RefusedOutcome, asked: paynet_statuses.Asked
) -> Code:
    """The code of a refusal, as fine as the request allows."""
    if outcome.refusal is Refusal.MALFORMED and outcome.field in _CALL_CODES:
        return _CALL_CODES[outcome.field]
    return paynet_statuses.finer(CODES[operation, outcome.refusal], outcome, asked)
