"""What a refusal says to people, in Russian and English: what happened and what to do next."""

from __future__ import annotations

from server.refusals import Refusal

_RU = {
    Refusal.MALFORMED: "Запрос не удалось прочитать.",
    Refusal.NOT_AUTHENTIC: "Имя или пароль не подходят.",
    Refusal.NOT_PERMITTED: "Это действие здесь не разрешено.",
    Refusal.UNKNOWN_OPERATION: "Такого действия нет.",
    Refusal.ACCOUNT_MALFORMED: "Это не похоже на номер лицевого счёта. Сверьте его с квитанцией.",
    Refusal.ACCOUNT_NOT_FOUND: "Такого лицевого счёта нет. Сверьте номер с квитанцией.",
    Refusal.ACCOUNT_CLOSED: "Лицевой счёт закрыт, платежи на него не принимаются.",
    Refusal.PAYMENTS_SUSPENDED: "Приём платежей на этот счёт приостановлен.",
    Refusal.AMOUNT_MALFORMED: "Сумма указана неверно.",
    Refusal.AMOUNT_TOO_SMALL: "Сумма меньше наименьшей для одного платежа.",
    Refusal.AMOUNT_TOO_LARGE: "Сумма больше наибольшей для одного платежа.",
    Refusal.DATE_MALFORMED: "Дата указана неверно.",
    Refusal.PAYMENT_ID_MALFORMED: "Номер платежа указан неверно.",
    Refusal.PAYMENT_CONFLICT: "Под этим номером уже записан другой платёж.",
    Refusal.PAYMENT_NOT_FOUND: "Такого платежа нет.",
    Refusal.PAYMENT_CANCELLED: "Этот платёж отменён.",
    Refusal.REVERSAL_FORBIDDEN: "Этот платёж уже нельзя отменить.",
    Refusal.METER_NOT_FOUND: "Такого счётчика на этом счёте нет.",
    Refusal.READING_IMPLAUSIBLE: "Показание не похоже на верное: сравните его с прошлым.",
    Refusal.READING_PERIOD_CLOSED: "Сейчас показания не принимаются.",
    Refusal.TRY_LATER: "Сейчас ответить нельзя. Повторите чуть позже: ничего не потеряно.",
}
_EN = {
    Refusal.MALFORMED: "The request could not be read.",
    Refusal.NOT_AUTHENTIC: "The name or the password does not fit.",
    Refusal.NOT_PERMITTED: "This is not permitted here.",
    Refusal.UNKNOWN_OPERATION: "There is no such operation.",
    Refusal.ACCOUNT_MALFORMED: "This does not look like an account number. Check it on your bill.",
    Refusal.ACCOUNT_NOT_FOUND: "There is no such account. Check the number on your bill.",
    Refusal.ACCOUNT_CLOSED: "The account is closed and takes no payments.",
    Refusal.PAYMENTS_SUSPENDED: "Payments to this account are suspended.",
    Refusal.AMOUNT_MALFORMED: "The sum is not valid.",
    Refusal.AMOUNT_TOO_SMALL: "The sum is below the least that one payment may be.",
    Refusal.AMOUNT_TOO_LARGE: "The sum is above the most that one payment may be.",
    Refusal.DATE_MALFORMED: "The date is not valid.",
    Refusal.PAYMENT_ID_MALFORMED: "The payment number is not valid.",
    Refusal.PAYMENT_CONFLICT: "Another payment is already recorded under this number.",
    Refusal.PAYMENT_NOT_FOUND: "There is no such payment.",
    Refusal.PAYMENT_CANCELLED: "This payment has been cancelled.",
    Refusal.REVERSAL_FORBIDDEN: "This payment can no longer be cancelled.",
    Refusal.METER_NOT_FOUND: "The account has no such meter.",
    Refusal.READING_IMPLAUSIBLE: "The reading does not look right: compare it with the last one.",
    Refusal.READING_PERIOD_CLOSED: "Readings are not taken at this time.",
    Refusal.TRY_LATER: "We cannot answer right now. Try again shortly: nothing is lost.",
}


def sentence(refusal: Refusal, accept_language: str) -> str:
    """The refusal in the language that an Accept-Language header prefers; Russian by default."""
    return (_EN if prefers_english(accept_language) else _RU)[refusal]


def prefers_english(accept_language: str) -> bool:
    """Whether English is asked for before Russian (quality values are not weighed)."""
    for part in accept_language.lower().split(","):
        language = part.strip()[:2]
        if language in ("en", "ru"):
            return language == "en"
    return False
