"""What each refusal is called in Debt: the list of errors in ABillS's server for it.

Nothing says "repeat", so that is HTTP 503.
"""

from __future__ import annotations

from dataclasses import replace

from server.messages import RefusedOutcome
from server.protocols import Code, CodeTable, Operation
from server.refusals import Refusal

OPERATIONS = frozenset(
    {Operation.CHECK, Operation.FIND, Operation.PAY, Operation.CANCEL, Operation.UNKNOWN}
)

OK = Code("0", "OK")
"""No reply has it: a success is a reply of another type."""
DUPLICATE = Code("7", "Платёж уже принят под номером")
MANY = Code("6", "Найдено слишком много лицевых счетов, укажите квартиру")

REPEATABLE: frozenset[str] = frozenset()

ADDRESS = "address"
"""The field of a refusal of what is said of an address."""

_ACCOUNT_DIFFERS = "2"
_NO_ADDRESS = "Укажите лицевой счёт или улицу и дом"
_NO_SEARCH = "Поиск по адресу недоступен, укажите лицевой счёт"

_CODES = {
    Refusal.MALFORMED: Code("99", "Неверный запрос"),
    Refusal.NOT_AUTHENTIC: Code("5", "Доступ запрещён"),
    Refusal.NOT_PERMITTED: Code("99", "Приём платежей запрещён поставщиком"),
    Refusal.UNKNOWN_OPERATION: Code("1", "Неизвестный тип запроса"),
    Refusal.ACCOUNT_MALFORMED: Code("2", "Неверный формат лицевого счёта"),
    Refusal.ACCOUNT_NOT_FOUND: Code("2", "Лицевой счёт не найден"),
    Refusal.ACCOUNT_CLOSED: Code("2", "Лицевой счёт закрыт"),
    Refusal.PAYMENTS_SUSPENDED: Code("99", "Приём платежей по лицевому счёту приостановлен"),
    Refusal.AMOUNT_MALFORMED: Code("3", "Неверная сумма"),
    Refusal.AMOUNT_TOO_SMALL: Code("3", "Сумма меньше минимальной"),
    Refusal.AMOUNT_TOO_LARGE: Code("3", "Сумма больше максимальной"),
    Refusal.DATE_MALFORMED: Code("4", "Неверная дата платежа"),
    Refusal.PAYMENT_ID_MALFORMED: Code("99", "Неверный номер платежа"),
    Refusal.PAYMENT_CONFLICT: Code("3", "Номер платежа уже использован с другими данными"),
    Refusal.PAYMENT_NOT_FOUND: Code("98", "Платёж не найден"),
    Refusal.PAYMENT_CANCELLED: Code("99", "Платёж отменён"),
    Refusal.REVERSAL_FORBIDDEN: Code("99", "Платёж уже нельзя отменить"),
    Refusal.METER_NOT_FOUND: Code("99", "Прибор учёта не найден"),
    Refusal.READING_IMPLAUSIBLE: Code("99", "Неправдоподобное показание"),
    Refusal.READING_PERIOD_CLOSED: Code("99", "Показания сейчас не принимаются"),
    Refusal.TRY_LATER: Code("", "Временная ошибка", status=503),
}

CODES: CodeTable = {
    (operation, refusal): _CODES[refusal] for operation in OPERATIONS for refusal in Refusal
}


def refusal_code(operation: Operation, refused: RefusedOutcome, account: str) -> Code:
    """The code of a refusal; a conflict says whether the account differs, or the sums."""
    code = CODES[operation, refused.refusal]
    if refused.field == ADDRESS:
        is_allowed = refused.refusal is not Refusal.NOT_PERMITTED
        return replace(code, text=_NO_ADDRESS if is_allowed else _NO_SEARCH)
    earlier = refused.payment
    differs = earlier is not None and earlier.account != account
    if refused.refusal is Refusal.PAYMENT_CONFLICT and differs:
        return replace(code, code=_ACCOUNT_DIFFERS)
    return code
