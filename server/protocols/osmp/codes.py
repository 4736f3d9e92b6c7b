"""What each refusal is called in OSMP (QIWI provider protocol, "Errors")."""

from __future__ import annotations

from server.protocols import Code, CodeTable, Operation
from server.refusals import Refusal

OPERATIONS = frozenset(
    {Operation.CHECK, Operation.PAY, Operation.CANCEL, Operation.STATUS, Operation.UNKNOWN}
)

OK = Code("0", "OK")

# 1: temporary; 90: not finished yet, which nothing of ours ever is, since crediting is at once.
REPEATABLE = frozenset({"1", "90"})

_CODES = {
    Refusal.MALFORMED: Code("300", "Неверный запрос"),
    Refusal.NOT_AUTHENTIC: Code("300", "Доступ запрещён", status=401),
    Refusal.NOT_PERMITTED: Code("7", "Приём платежей запрещён поставщиком"),
    Refusal.UNKNOWN_OPERATION: Code("300", "Неизвестная команда"),
    Refusal.ACCOUNT_MALFORMED: Code("4", "Неверный формат лицевого счёта"),
    Refusal.ACCOUNT_NOT_FOUND: Code("5", "Лицевой счёт не найден"),
    Refusal.ACCOUNT_CLOSED: Code("79", "Лицевой счёт закрыт"),
    Refusal.PAYMENTS_SUSPENDED: Code("7", "Приём платежей по лицевому счёту приостановлен"),
    Refusal.AMOUNT_MALFORMED: Code("300", "Неверная сумма"),
    Refusal.AMOUNT_TOO_SMALL: Code("241", "Сумма меньше минимальной"),
    Refusal.AMOUNT_TOO_LARGE: Code("242", "Сумма больше максимальной"),
    Refusal.DATE_MALFORMED: Code("300", "Неверная дата платежа"),
    Refusal.PAYMENT_ID_MALFORMED: Code("300", "Неверный номер платежа"),
    Refusal.PAYMENT_CONFLICT: Code(
        "300", "Номер платежа уже использован с другим счётом или суммой"
    ),
    Refusal.PAYMENT_NOT_FOUND: Code("300", "Платёж не найден"),
    Refusal.PAYMENT_CANCELLED: Code("300", "Платёж отменён"),
    Refusal.REVERSAL_FORBIDDEN: Code("300", "Платёж уже нельзя отменить"),
    Refusal.METER_NOT_FOUND: Code("31", "Прибор учёта не найден"),
    Refusal.READING_IMPLAUSIBLE: Code("31", "Неправдоподобное показание"),
    Refusal.READING_PERIOD_CLOSED: Code("31", "Показания сейчас не принимаются"),
    Refusal.TRY_LATER: Code("1", "Временная ошибка, повторите запрос позже"),
}

# Some networks read 1 to `status` as "there is no such payment" (and give the money back), so
# "we cannot tell" has no code there.
_BY_OPERATION = {
    (Operation.STATUS, Refusal.TRY_LATER): Code("", "Временная ошибка", status=503),
}

CODES: CodeTable = {
    (operation, refusal): _BY_OPERATION.get((operation, refusal), _CODES[refusal])
    for operation in OPERATIONS
    for refusal in Refusal
}
