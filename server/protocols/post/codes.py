"""What each outcome is called: the names of the refusals themselves, and two of a day's own."""

from __future__ import annotations

from server.protocols import Code, CodeTable, Operation
from server.refusals import Refusal

OPERATIONS = {
    "FindAccounts": Operation.FIND,
    "GetDebt": Operation.CHECK,
    "AcceptPayment": Operation.PAY,
    "AcceptBatch": Operation.BATCH,
    "CancelPayment": Operation.CANCEL,
    "GetPaymentStatus": Operation.STATUS,
    "CloseDay": Operation.CLOSE_DAY,
    "GetDay": Operation.DAY,
}
"""By the element in the Body."""

OK = Code("OK", "Выполнено")
DAY_DIFFERS = Code("DAY_DIFFERS", "Контрольные суммы расходятся, день не закрыт")
DAY_CLOSED = Code("DAY_CLOSED", "День уже закрыт с другими суммами")

_TEXTS = {
    Refusal.MALFORMED: "Запрос не соответствует схеме",
    Refusal.NOT_AUTHENTIC: "Запрос не удостоверен",
    Refusal.NOT_PERMITTED: "Операция вам не разрешена",
    Refusal.UNKNOWN_OPERATION: "Такой операции нет",
    Refusal.ACCOUNT_MALFORMED: "Неверный номер лицевого счёта",
    Refusal.ACCOUNT_NOT_FOUND: "Лицевой счёт не найден",
    Refusal.ACCOUNT_CLOSED: "Лицевой счёт закрыт",
    Refusal.PAYMENTS_SUSPENDED: "Приём платежей по лицевому счёту приостановлен",
    Refusal.AMOUNT_MALFORMED: "Неверная сумма, или части платежа больше его суммы",
    Refusal.AMOUNT_TOO_SMALL: "Сумма меньше минимальной",
    Refusal.AMOUNT_TOO_LARGE: "Сумма больше разрешённой",
    Refusal.DATE_MALFORMED: "Неверная дата",
    Refusal.PAYMENT_ID_MALFORMED: "Неверный номер платежа",
    Refusal.PAYMENT_CONFLICT: "Номер уже использован с другим содержимым",
    Refusal.PAYMENT_NOT_FOUND: "Платёж не найден",
    Refusal.PAYMENT_CANCELLED: "Платёж отменён",
    Refusal.REVERSAL_FORBIDDEN: "Платёж уже нельзя отменить",
    Refusal.METER_NOT_FOUND: "Прибор учёта не найден",
    Refusal.READING_IMPLAUSIBLE: "Неправдоподобное показание",
    Refusal.READING_PERIOD_CLOSED: "Показания сейчас не принимаются",
    Refusal.TRY_LATER: "Временная ошибка, повторите запрос",
}
REFUSALS = {refusal: Code(refusal.value, text) for refusal, text in _TEXTS.items()}

CODES: CodeTable = {
    (operation, refusal): code
    for operation in (*OPERATIONS.values(), Operation.UNKNOWN)
    for refusal, code in REFUSALS.items()
}
REPEATABLE = frozenset({REFUSALS[Refusal.TRY_LATER].code})

FAULTS = frozenset({Refusal.MALFORMED, Refusal.NOT_AUTHENTIC, Refusal.UNKNOWN_OPERATION})
"""Refusals of the request itself, which are faults; all others are results of an operation."""
