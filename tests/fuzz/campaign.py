"""Codecs under the coverage-guided fuzzer, in a process of its own: libFuzzer ends it by exit.

`python -m tests.fuzz.campaign DIRECTORY LIMIT SEED NAME...`, LIMIT so many seconds ("60s")
or runs ("10000"). DIRECTORY/corpus grows; what breaks a promise is written to DIRECTORY/broken-….
The first byte of an input chooses one of the names.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["server"], enable_loader_override=False):
    from server.protocols import load
    from tests.fuzz.inputs import read, seeds
    from tests.fuzz.promises import check

    load()

LENGTH_MAX = 8192
ONE_INPUT_SECONDS_MAX = 30
WORDS = (
    *(
        "%00",
        "%FF",
        "&",
        "=",
        "<",
        ">",
        "<!DOCTYPE a [<!ENTITY b 'c'>]>",
        "&b;",
        "]]>",
        "<![CDATA[",
    ),
    *("1e3", "10,5", "10.005", "-1", "0", "9" * 25, "\0", "\ufeff", "٣", "NaN", "null", "true"),
    *(
        "<?xml version='1.0' encoding='utf-16'?>",
        "<a/>",
        "xsi:nil='true'",
        "\\ud800",
        "{",
        "[",
        '"',
    ),
)
"""What breaks readers of forms, XML, JSON and numbers more often than random bytes do."""


def plant(names: Sequence[str], corpus: Path) -> None:
    """The vectors, beside what an earlier campaign has left."""
    corpus.mkdir(parents=True, exist_ok=True)
    for place, name in enumerate(names):
        for number, seed in enumerate(seeds(name)):
            corpus.joinpath(f"seed-{name}-{number:05}").write_bytes(bytes((place,)) + seed)


def dictionary(path: Path) -> Path:
    """The words in libFuzzer's own notation."""
    escaped = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in WORDS)
    path.write_text("".join(f'"{word}"\n' for word in escaped))
    return path


def main(directory: Path, limit: str, seed: int, names: Sequence[str]) -> None:
    """Never returns: the process ends with 0, or with another code after a broken promise."""
    plant(names, directory / "corpus")
    timed = limit.endswith("s")
    options = {
        "max_total_time" if timed else "runs": limit.removesuffix("s"),
        "seed": seed,
        "max_len": LENGTH_MAX,
        "timeout": ONE_INPUT_SECONDS_MAX,
        "dict": dictionary(directory / "words"),
        "artifact_prefix": f"{directory}/broken-",
        "print_final_stats": 1,
    }

    def one_input(data: bytes) -> None:
        check(read(names[data[0] % len(names)] if data else names[0], data[1:]))

    words = [sys.argv[0], *(f"-{key}={value}" for key, value in options.items())]
    atheris.Setup([*words, str(directory / "corpus")], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:])
