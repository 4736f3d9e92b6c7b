"""What is said about a file, in English: readers speak Russian, as their users' files do.

A sentence is kept as it was said, so English is found by the sentence. Those of shared pieces stand
here, those of a format in its folder. `{}` stands for a value, `{what}` for a field by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

from server.reconciliation.formats import load

_SHARED: Mapping[str, str] = {
    "формат файла не опознан: это не реестр ни одного известного вида":
        "the file's format is not recognised: it is no registry of any known kind",
    "файл подходит под несколько форматов ({}): укажите формат":
        "the file fits several formats ({}): name the format",
    "файл больше {} байт": "the file is larger than {} bytes",
    "сумма реестра слишком велика": "the registry's total is too large",
    "строка длиннее {} знаков": "the line is longer than {} characters",
    "нет формата {}": "there is no format {}",
    "{what}: нечитаемые знаки": "{what}: unreadable characters",
    "{what}: пусто": "{what}: empty",
    "{what}: длиннее {} знаков": "{what}: longer than {} characters",
    "{what}: ожидается число до {} цифр, а не {}":
        "{what}: a number of up to {} digits is expected, not {}",
    "{what}: не сумма: {}": "{what}: not a sum: {}",
    "{what}: не дата ДД.ММ.ГГГГ: {}": "{what}: not a date DD.MM.YYYY: {}",
    "{what}: не время ЧЧ:ММ:СС: {}": "{what}: not a time HH:MM:SS: {}",
    "{what}: поля нет, в строке полей: {}": "{what}: the field is missing, the line has {} fields",
}  # fmt: skip


def english(text: str) -> str:
    """The sentence in English; as it is when it is none of ours."""
    known = _known()
    if text in known:
        return known[text]
    for pattern, meaning in _patterns():
        if match := pattern.fullmatch(text):
            named = match.groupdict()
            values = match.groups()[len(named) :]  # a field's name always comes first
            return meaning.format(
                *values, **{key: known.get(what, what) for key, what in named.items()}
            )
    return text


@cache
def _known() -> Mapping[str, str]:
    own = {text: said for form in load().values() for text, said in form.english.items()}
    return {**_SHARED, **own}


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(
        (re.compile("".join(_pieces(text))), said) for text, said in _known().items() if "{" in text
    )


def _pieces(text: str) -> Iterator[str]:
    for piece in re.split(r"(\{\}|\{what\})", text):
        match piece:
            case "{}":
                yield "(.+?)"
            case "{what}":
                yield "(?P<what>[^:]+)"
            case _:
                yield re.escape(piece)
