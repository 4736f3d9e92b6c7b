"""What the reader says, in English."""

from __future__ import annotations

from collections.abc import Mapping

ENGLISH: Mapping[str, str] = {
    "после последней строки = есть ещё строки": "there are lines after the last one, =",
    "нет последней строки = с количеством и суммой":
        "the last line = with count and sum is missing",
    "в строке полей {}, а должно быть не меньше {}":
        "the line has {} fields, and there should be at least {}",
    "принято {}, к перечислению {}, комиссия {}: не сходится":
        "{} accepted, {} to transfer, {} of fee: they do not add up",
    "{what}: заявлено {}, а по строкам {}": "{what}: {} is declared, and the lines add up to {}",
    "{what}: не дата ДД-ММ-ГГГГ: {}": "{what}: not a date DD-MM-YYYY: {}",
    "дата платежа": "date of the payment",
    "время": "time",
    "номер отделения": "branch number",
    "номер операции": "operation number",
    "лицевой счёт": "account",
    "период": "period",
    "принято": "accepted",
    "к перечислению": "to transfer",
    "комиссия": "fee",
    "количество": "count",
}  # fmt: skip
