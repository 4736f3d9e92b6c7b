"""Structured logs on stderr: JSON lines, or coloured text for a person at a terminal."""

from __future__ import annotations

import logging
import sys

import structlog


def configure() -> None:
    """Once for each process, after the fork."""
    person = sys.stderr.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.add_log_level,
    ]
    last: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer()
        if person
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    middle = [] if person else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[*shared, *middle, last],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries (aiohttp, asyncio) speak through the standard module; only what is wrong matters.
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s %(message)s"
    )
