"""What each refusal is called in RNCB's protocol, as two published servers have it.

100 is one server's own number; the bank has none that says "repeat", so that is HTTP 503.
"""

from __future__ import annotations

from server.protocols import Code, CodeTable, Operation
from server.refusals import Refusal

OPERATIONS = frozenset({Operation.CHECK, Operation.PAY, Operation.STATEMENT, Operation.UNKNOWN})

OK = Code("0", "OK")
DUPLICATE = Code("10", "Платёж уже принят")

REPEATABLE: frozenset[str] = frozenset()

_CODES = {
    Refusal.MALFORMED: Code("100", "Неверный запрос"),
    Refusal.NOT_AUTHENTIC: Code("100", "Доступ запрещён", status=403),
    Refusal.NOT_PERMITTED: Code("100", "Приём платежей запрещён поставщиком"),
    Refusal.UNKNOWN_OPERATION: Code("100", "Неизвестный тип запроса", status=400),
    Refusal.ACCOUNT_MALFORMED: Code("1", "Неверный формат лицевого счёта"),
    Refusal.ACCOUNT_NOT_FOUND: Code("1", "Лицевой счёт не найден"),
    Refusal.ACCOUNT_CLOSED: Code("1", "Лицевой счёт закрыт"),
    Refusal.PAYMENTS_SUSPENDED: Code("100", "Приём платежей по лицевому счёту приостановлен"),
    Refusal.AMOUNT_MALFORMED: Code("100", "Неверная сумма"),
    Refusal.AMOUNT_TOO_SMALL: Code("100", "Сумма меньше минимальной"),
    Refusal.AMOUNT_TOO_LARGE: Code("100", "Сумма больше максимальной"),
    Refusal.DATE_MALFORMED: Code("100", "Неверная дата"),
    Refusal.PAYMENT_ID_MALFORMED: Code("100", "Неверный номер платежа"),
    Refusal.PAYMENT_CONFLICT: Code(
        "100", "Номер платежа уже использован с другим счётом или суммой"
    ),
    Refusal.PAYMENT_NOT_FOUND: Code("100", "Платёж не найден"),
    Refusal.PAYMENT_CANCELLED: Code("100", "Платёж отменён"),
    Refusal.REVERSAL_FORBIDDEN: Code("100", "Платёж уже нельзя отменить"),
    Refusal.METER_NOT_FOUND: Code("100", "Прибор учёта не найден"),
    Refusal.READING_IMPLAUSIBLE: Code("100", "Неправдоподобное показание"),
    Refusal.READING_PERIOD_CLOSED: Code("100", "Показания сейчас не принимаются"),
    Refusal.TRY_LATER: Code("", "Временная ошибка", status=503),
}

CODES: CodeTable = {
    (operation, refusal): _CODES[refusal] for operation in OPERATIONS for refusal in Refusal
}
