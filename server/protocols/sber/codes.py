"""What each refusal is called in the bank's protocol (contract conditions of 2019, annex 2).

0-5 and 300 are allowed in both replies, 6-12 only in that to a payment.
"""

from __future__ import annotations

from server.protocols import Code, CodeTable, Operation
from server.refusals import Refusal

OPERATIONS = frozenset({Operation.CHECK, Operation.PAY, Operation.UNKNOWN})

OK = Code("0", "OK")
DUPLICATE = Code("8", "Платёж уже принят")
"""A success for the bank: the reply carries what was recorded."""

REPEATABLE = frozenset({"1"})

_CODES = {
    Refusal.MALFORMED: Code("300", "Неверный запрос"),
    Refusal.NOT_AUTHENTIC: Code("300", "Доступ запрещён"),
    Refusal.NOT_PERMITTED: Code("300", "Приём платежей запрещён поставщиком"),
    Refusal.UNKNOWN_OPERATION: Code("2", "Неизвестный тип запроса"),
    Refusal.ACCOUNT_MALFORMED: Code("4", "Неверный формат лицевого счёта"),
    Refusal.ACCOUNT_NOT_FOUND: Code("3", "Лицевой счёт не найден"),
    Refusal.ACCOUNT_CLOSED: Code("5", "Лицевой счёт закрыт"),
    Refusal.PAYMENTS_SUSPENDED: Code("5", "Приём платежей по лицевому счёту приостановлен"),
    Refusal.AMOUNT_MALFORMED: Code("300", "Неверная сумма"),
    Refusal.AMOUNT_TOO_SMALL: Code("300", "Сумма меньше минимальной"),
    Refusal.AMOUNT_TOO_LARGE: Code("300", "Сумма больше максимальной"),
    Refusal.DATE_MALFORMED: Code("300", "Неверная дата платежа"),
    Refusal.PAYMENT_ID_MALFORMED: Code("300", "Неверный номер платежа"),
    Refusal.PAYMENT_CONFLICT: Code(
        "300", "Номер платежа уже использован с другим счётом или суммой"
    ),
    Refusal.PAYMENT_NOT_FOUND: Code("300", "Платёж не найден"),
    Refusal.PAYMENT_CANCELLED: Code("300", "Платёж отменён"),
    Refusal.REVERSAL_FORBIDDEN: Code("300", "Платёж уже нельзя отменить"),
    Refusal.METER_NOT_FOUND: Code("300", "Прибор учёта не найден"),
    Refusal.READING_IMPLAUSIBLE: Code("300", "Неправдоподобное показание"),
    Refusal.READING_PERIOD_CLOSED: Code("300", "Показания сейчас не принимаются"),
    Refusal.TRY_LATER: Code("1", "Временная ошибка, повторите запрос позже"),
}

_ONLY_IN_PAYMENT = {
    Refusal.NOT_PERMITTED: "7",
    Refusal.PAYMENTS_SUSPENDED: "7",
    Refusal.AMOUNT_MALFORMED: "9",
    Refusal.AMOUNT_TOO_SMALL: "10",
    Refusal.AMOUNT_TOO_LARGE: "11",
    Refusal.DATE_MALFORMED: "12",
    Refusal.PAYMENT_ID_MALFORMED: "6",
    Refusal.PAYMENT_NOT_FOUND: "6",
}

CODES: CodeTable = {
    (operation, refusal): Code(_ONLY_IN_PAYMENT[refusal], code.text)
    if operation is Operation.PAY and refusal in _ONLY_IN_PAYMENT
    else code
    for operation in OPERATIONS
    for refusal, code in _CODES.items()
}
