"""What each refusal is called at EasyPay; the peers disagree, so which table is a setting.

Every negative code is an error. Those of the request's form are from the PHP library of EasySoft.
"""

from __future__ import annotations

from collections.abc import Mapping

from server.protocols import UNAVAILABLE, Code, CodeTable, Operation
from server.refusals import Refusal

OPERATIONS = frozenset(
    {Operation.CHECK, Operation.HOLD, Operation.CONFIRM, Operation.CANCEL, Operation.UNKNOWN}
)

OK = Code("0", "checked")

# No code makes the network repeat: TRY_LATER is a failed exchange.
REPEATABLE: frozenset[str] = frozenset()

_NO_USER = "-1"
_ERROR = "-2"
_UNKNOWN_PAYMENT = "-4"
_FORM = "-57"

_UBILLING = {
    Refusal.MALFORMED: Code(_FORM, "Неверный запрос"),
    Refusal.NOT_AUTHENTIC: Code("-5", "Неверная подпись"),
    Refusal.NOT_PERMITTED: Code("-58", "Услуга не обслуживается"),
    Refusal.UNKNOWN_OPERATION: Code("-55", "Неизвестная операция"),
    Refusal.ACCOUNT_MALFORMED: Code(_NO_USER, "Неверный формат лицевого счёта"),
    Refusal.ACCOUNT_NOT_FOUND: Code(_NO_USER, "Лицевой счёт не найден"),
    Refusal.ACCOUNT_CLOSED: Code(_ERROR, "Лицевой счёт закрыт"),
    Refusal.PAYMENTS_SUSPENDED: Code(_ERROR, "Приём платежей по лицевому счёту приостановлен"),
    Refusal.AMOUNT_MALFORMED: Code(_ERROR, "Неверная сумма"),
    Refusal.AMOUNT_TOO_SMALL: Code(_ERROR, "Сумма меньше минимальной"),
    Refusal.AMOUNT_TOO_LARGE: Code(_ERROR, "Сумма больше максимальной"),
    Refusal.DATE_MALFORMED: Code(_FORM, "Неверная дата"),
    Refusal.PAYMENT_ID_MALFORMED: Code(_FORM, "Неверный номер платежа"),
    Refusal.PAYMENT_CONFLICT: Code(
        _ERROR, "Номер платежа уже использован с другим счётом или суммой"
    ),
    Refusal.PAYMENT_NOT_FOUND: Code(_UNKNOWN_PAYMENT, "Платёж не найден"),
    Refusal.PAYMENT_CANCELLED: Code(_ERROR, "Платёж отменён"),
    Refusal.REVERSAL_FORBIDDEN: Code(_ERROR, "Платёж уже нельзя отменить"),
    Refusal.METER_NOT_FOUND: Code(_ERROR, "Прибор учёта не найден"),
    Refusal.READING_IMPLAUSIBLE: Code(_ERROR, "Неправдоподобное показание"),
    Refusal.READING_PERIOD_CLOSED: Code(_ERROR, "Показания сейчас не принимаются"),
    Refusal.TRY_LATER: Code("", "Временная ошибка", status=UNAVAILABLE.status),
}

_ABILLS_CODES = {
    Refusal.NOT_AUTHENTIC: "-80",
    Refusal.ACCOUNT_MALFORMED: "-200",
    Refusal.ACCOUNT_NOT_FOUND: "-200",
    Refusal.ACCOUNT_CLOSED: "-11",
    Refusal.PAYMENTS_SUSPENDED: "-11",
    Refusal.PAYMENT_NOT_FOUND: "-79",
}
_ABILLS = {
    refusal: Code(_ABILLS_CODES.get(refusal, code.code), code.text, code.status)
    for refusal, code in _UBILLING.items()
}

TABLES: Mapping[str, Mapping[Refusal, Code]] = {"ubilling": _UBILLING, "abills": _ABILLS}
"""By the setting `codes`."""

EXISTS = {
    "ubilling": Code("-3", "Платёж уже зарегистрирован"),
    "abills": Code("-6", "Платёж уже зарегистрирован"),
}
"""The code of a repeated payment, for networks that want one of its own."""

CODES: CodeTable = {
    (operation, refusal): _UBILLING[refusal] for operation in OPERATIONS for refusal in Refusal
}
