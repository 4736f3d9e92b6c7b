"""What each refusal is called at Payme (Merchant API, "general errors" and each method's own)."""

from __future__ import annotations

from collections.abc import Mapping

from server.protocols import Code, CodeTable, Operation, json_rpc
from server.refusals import Refusal

OPERATIONS = frozenset(
    {
        Operation.CHECK,
        Operation.HOLD,
        Operation.CONFIRM,
        Operation.CANCEL,
        Operation.STATUS,
        Operation.STATEMENT,
        Operation.CHANGE_SECRET,
        Operation.UNKNOWN,
    }
)

OK = Code("ok", "OK")

# Internal error: Payme asks again.
REPEATABLE = frozenset({"-32400"})

_FIELDS = "-32600"
_AMOUNT = "-31001"
_CANNOT = "-31008"

_SAID = {
    Refusal.MALFORMED: (_FIELDS, "Неверный запрос", "Notoʻgʻri soʻrov", "Invalid request"),
    Refusal.NOT_AUTHENTIC: ("-32504", "Доступ запрещён", "Ruxsat yoʻq", "Access denied"),
    Refusal.NOT_PERMITTED: (
        *(_CANNOT, "Приём платежей запрещён"),
        *("Toʻlov qabul qilinmaydi", "Payments are not accepted"),
    ),
    Refusal.UNKNOWN_OPERATION: (
        *("-32601", "Метод не найден", "Metod topilmadi", "Method not found"),
    ),
    Refusal.ACCOUNT_MALFORMED: (
        *("-31051", "Неверный формат лицевого счёта"),
        *("Shaxsiy hisob raqami notoʻgʻri", "Invalid account number"),
    ),
    Refusal.ACCOUNT_NOT_FOUND: (
        *("-31050", "Лицевой счёт не найден"),
        *("Shaxsiy hisob topilmadi", "Account not found"),
    ),
    Refusal.ACCOUNT_CLOSED: (
        *("-31052", "Лицевой счёт закрыт"),
        *("Shaxsiy hisob yopilgan", "Account is closed"),
    ),
    Refusal.PAYMENTS_SUSPENDED: (
        *(_CANNOT, "Приём платежей по лицевому счёту приостановлен"),
        *("Toʻlovlar toʻxtatilgan", "Payments to the account are suspended"),
    ),
    Refusal.AMOUNT_MALFORMED: (_AMOUNT, "Неверная сумма", "Notoʻgʻri summa", "Invalid amount"),
    Refusal.AMOUNT_TOO_SMALL: (
        *(_AMOUNT, "Сумма меньше минимальной"),
        *("Summa juda kichik", "The amount is too small"),
    ),
    Refusal.AMOUNT_TOO_LARGE: (
        *(_AMOUNT, "Сумма больше максимальной"),
        *("Summa juda katta", "The amount is too large"),
    ),
    Refusal.DATE_MALFORMED: (_FIELDS, "Неверное время", "Notoʻgʻri vaqt", "Invalid time"),
    Refusal.PAYMENT_ID_MALFORMED: (
        *(_FIELDS, "Неверный номер транзакции"),
        *("Tranzaksiya raqami notoʻgʻri", "Invalid transaction id"),
    ),
    Refusal.PAYMENT_CONFLICT: (
        *(_CANNOT, "Транзакция уже есть с другим счётом или суммой"),
        *("Tranzaksiya boshqa hisob yoki summa bilan mavjud", "The transaction differs"),
    ),
    Refusal.PAYMENT_NOT_FOUND: (
        *("-31003", "Транзакция не найдена"),
        *("Tranzaksiya topilmadi", "Transaction not found"),
    ),
    Refusal.PAYMENT_CANCELLED: (
        *(_CANNOT, "Транзакция отменена или просрочена"),
        *("Tranzaksiya bekor qilingan", "The transaction is cancelled or timed out"),
    ),
    Refusal.REVERSAL_FORBIDDEN: (
        *("-31007", "Платёж уже нельзя отменить"),
        *("Toʻlovni bekor qilib boʻlmaydi", "The payment cannot be cancelled any more"),
    ),
    Refusal.METER_NOT_FOUND: (
        *(_CANNOT, "Прибор учёта не найден", "Hisoblagich topilmadi", "Meter not found"),
    ),
    Refusal.READING_IMPLAUSIBLE: (
        *(_CANNOT, "Неправдоподобное показание"),
        *("Koʻrsatkich notoʻgʻri", "Implausible reading"),
    ),
    Refusal.READING_PERIOD_CLOSED: (
        *(_CANNOT, "Показания сейчас не принимаются"),
        *("Koʻrsatkichlar qabul qilinmaydi", "Readings are not taken now"),
    ),
    Refusal.TRY_LATER: (
        *("-32400", "Временная ошибка, повторите запрос позже"),
        *("Vaqtinchalik xato", "Temporary error"),
    ),
}

CODES: CodeTable = {
    (operation, refusal): Code(_SAID[refusal][0], _SAID[refusal][1])
    for operation in OPERATIONS
    for refusal in Refusal
}

MESSAGES: Mapping[Refusal, Mapping[str, str]] = {
    refusal: {"ru": ru, "uz": uz, "en": en} for refusal, (_, ru, uz, en) in _SAID.items()
}

CALL_CODES: Mapping[str, str] = {
    json_rpc.NOT_POST: "-32300",
    json_rpc.NOT_JSON: "-32700",
    json_rpc.NOT_A_CALL: _FIELDS,
}
"""What is wrong with a call as such."""

ACCOUNT_REFUSALS = frozenset(
    {Refusal.ACCOUNT_MALFORMED, Refusal.ACCOUNT_NOT_FOUND, Refusal.ACCOUNT_CLOSED}
)
"""Those whose `data` names the account's key."""
