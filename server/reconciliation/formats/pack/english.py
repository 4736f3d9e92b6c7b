"""What the reader says, in English."""

from __future__ import annotations

from collections.abc import Mapping

ENGLISH: Mapping[str, str] = {
    "в файле нет ни одной пачки ###": "the file has no pack ###",
    "заголовок *** может стоять только первым": "the header *** may only come first",
    "вторая пачка ### без объединяющего заголовка ***":
        "a second pack ### without a combining header ***",
    "файл должен начинаться с заголовка *** или ###":
        "the file must begin with a header *** or ###",
    "знаки не читаются в этой кодировке": "characters are unreadable in this encoding",
    "строка оплаты должна начинаться с @@@|": "a payment's line must begin with @@@|",
    "версия формата: ожидается {} или {}": "version of the format: {} or {} is expected",
    "в заголовке полей {}, а должно быть {}": "the header has {} fields, and there should be {}",
    "в строке полей {}, а должно быть от 15 до 17":
        "the line has {} fields, and there should be 15 to 17",
    "{what}: заявлено {}, а по строкам {}": "{what}: {} is declared, and the lines add up to {}",
    "{what}: заявлено {}, а частей {}": "{what}: {} is declared, and there are {} parts",
    "{what}: заявлено {}, а по частям {}": "{what}: {} is declared, and the parts add up to {}",
    "{what}: ожидается три части через запятую": "{what}: three parts with commas are expected",
    "{what}: вторая часть не число": "{what}: the second part is not a number",
    "{what}: третья часть не сумма": "{what}: the third part is not a sum",
    "{what}: ожидается две или три части через запятую":
        "{what}: two or three parts with commas are expected",
    "{what}: последняя часть не показание": "{what}: the last part is not a reading",
    "пустые показания пропущены": "empty readings are left out",
    "время создания": "time of creation",
    "операционный день": "business day",
    "количество пачек": "number of packs",
    "количество": "count",
    "начислено": "charged",
    "оплачено": "paid",
    "сумма изменений": "sum of changes",
    "изменения": "changes",
    "показания": "readings",
    "количество оплат": "number of payments",
    "количество оплат с показаниями": "number of payments with readings",
    "количество недопоставок или уточнённых оплат": "number of missed or clarified items",
    "количество изменений": "number of changes",
    "версия формата": "version of the format",
    "номер пачки": "number of the pack",
    "дата пачки": "date of the pack",
    "место формирования": "place of origin",
    "код организации": "code of the organisation",
    "резерв": "reserve",
    "код квитанции": "code of the bill",
    "источник платежа": "source of the payment",
    "месяц оплаты": "month paid for",
    "номер счёта в месяце": "number of the bill in its month",
    "номер справки": "number of the receipt",
    "платёжный код": "payer's code",
    "дата платежа": "date of the payment",
}  # fmt: skip
