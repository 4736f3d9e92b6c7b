"""What the reader says, in English."""

from __future__ import annotations

from collections.abc import Mapping

ENGLISH: Mapping[str, str] = {
    "после строки Total: есть ещё строки": "there are lines after Total:",
    "нет последней строки Total: с количеством и суммой":
        "the last line Total: with count and sum is missing",
    "полей {}, а должно быть {}": "{} fields, and there should be {}",
    "заявлено строк {}, а в файле {}": "{} lines are declared, and the file has {}",
    "заявлено {}, а по строкам {}": "{} is declared, and the lines add up to {}",
    "номер операции": "operation number",
    "счёт абонента": "subscriber's account",
    "сумма": "sum",
    "дата": "date",
    "время": "time",
    "количество": "count",
}  # fmt: skip
