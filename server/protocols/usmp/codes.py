"""What each refusal is called in USMP: the list of codes in AXIOSTV-Billing's server for it."""

from __future__ import annotations

from server.protocols import Code, CodeTable, Operation
from server.refusals import Refusal

OPERATIONS = frozenset(
    {Operation.CHECK, Operation.PAY, Operation.CANCEL, Operation.STATEMENT, Operation.UNKNOWN}
)

OK = Code("0", "OK")

# 1: temporary; 100: not finished yet, which nothing of ours ever is, since crediting is at once.
REPEATABLE = frozenset({"1", "100"})

_CODES = {
    Refusal.MALFORMED: Code("299", "Неверный запрос"),
    Refusal.NOT_AUTHENTIC: Code("299", "Доступ запрещён", status=403),
    Refusal.NOT_PERMITTED: Code("22", "Приём платежей запрещён поставщиком"),
    Refusal.UNKNOWN_OPERATION: Code("299", "Неизвестный тип запроса"),
    Refusal.ACCOUNT_MALFORMED: Code("3", "Неверный формат лицевого счёта"),
    Refusal.ACCOUNT_NOT_FOUND: Code("21", "Лицевой счёт не найден"),
    Refusal.ACCOUNT_CLOSED: Code("24", "Лицевой счёт закрыт"),
    Refusal.PAYMENTS_SUSPENDED: Code("22", "Приём платежей по лицевому счёту приостановлен"),
    Refusal.AMOUNT_MALFORMED: Code("299", "Неверная сумма"),
    Refusal.AMOUNT_TOO_SMALL: Code("241", "Сумма меньше минимальной"),
    Refusal.AMOUNT_TOO_LARGE: Code("242", "Сумма больше максимальной"),
    Refusal.DATE_MALFORMED: Code("299", "Неверная дата"),
    Refusal.PAYMENT_ID_MALFORMED: Code("299", "Неверный номер платежа"),
    Refusal.PAYMENT_CONFLICT: Code(
        "299", "Номер платежа уже использован с другим счётом или суммой"
    ),
    Refusal.PAYMENT_NOT_FOUND: Code("299", "Платёж не найден"),
    Refusal.PAYMENT_CANCELLED: Code("299", "Платёж отменён"),
    Refusal.REVERSAL_FORBIDDEN: Code("22", "Платёж уже нельзя отменить"),
    Refusal.METER_NOT_FOUND: Code("299", "Прибор учёта не найден"),
    Refusal.READING_IMPLAUSIBLE: Code("299", "Неправдоподобное показание"),
    Refusal.READING_PERIOD_CLOSED: Code("299", "Показания сейчас не принимаются"),
    Refusal.TRY_LATER: Code("1", "Временная ошибка, повторите запрос позже"),
}

CODES: CodeTable = {
    (operation, refusal): _CODES[refusal] for operation in OPERATIONS for refusal in Refusal
}
