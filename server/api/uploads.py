"""A file on its way in: streamed to disk, never held in memory."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO
from urllib.parse import unquote

from aiohttp import BodyPartReader, web

from server.api.bodies import Arrival, arriving
from server.api.problems import Problem, malformed
from server.reconciliation.intake import Upload

_BLOCK_BYTES = 1 << 18
_NAME_MAX = 200


@asynccontextmanager
async def received(request: web.Request, bytes_max: int) -> AsyncIterator[Upload]:
    """The body, raw or the part `file` of a form, as a temporary file.

    Raises Problem: 413 when it is too large, 400 when there is none, 408 when it comes too slowly.
    """
    if (request.content_length or 0) > bytes_max + _BLOCK_BYTES:
        raise _too_large(bytes_max)
    with tempfile.NamedTemporaryFile(prefix="kvitok-registry-") as file:
        async with arriving(request) as arrival:
            if request.content_type == "multipart/form-data":
                part = await _file_part(request)
                name = unquote(part.filename or "")
                blocks = _part_blocks(part)
            else:
                name = unquote(request.headers.get("X-File-Name", ""))
                blocks = request.content.iter_chunked(_BLOCK_BYTES)
            await _keep(blocks, file, bytes_max, arrival)
        yield Upload.at(Path(file.name), _plain(name))


async def _file_part(request: web.Request) -> BodyPartReader:
    try:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if isinstance(part, BodyPartReader) and part.name == "file":
                return part
    except ValueError as error:
        raise malformed(f"not a form: {error}") from error
    raise malformed("the form has no part called file")


async def _part_blocks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while block := await part.read_chunk(_BLOCK_BYTES):
        yield block


async def _keep(
    blocks: AsyncIterator[bytes], file: IO[bytes], bytes_max: int, arrival: Arrival
) -> None:
    size = 0
    async for block in blocks:
        arrival.extend(len(block))
        size += len(block)
        if size > bytes_max:
            raise _too_large(bytes_max)
        await asyncio.to_thread(file.write, block)
    if not size:
        raise Problem(422, "FILE_REFUSED", ("Файл пуст.", "The file is empty."), line=1, column=1)
    await asyncio.to_thread(file.flush)


def _plain(name: str) -> str:
    """The last part of whatever path a browser or a client sends."""
    last = PureWindowsPath(PurePosixPath(name).name).name
    return "".join(filter(str.isprintable, last))[:_NAME_MAX] or "registry"


def _too_large(bytes_max: int) -> Problem:
    megabytes = bytes_max >> 20
    return Problem(
        413,
        "FILE_TOO_LARGE",
        (f"Файл больше {megabytes}\u00a0МБ.", f"The file is larger than {megabytes}\u00a0MB."),
    )
