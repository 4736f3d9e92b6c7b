"""The static pages: the kiosk, the office and what both share."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

_ROOT = Path(__file__).resolve().parent.parent
_FOLDERS = {"ui_kit": "ui_kit", "kiosk": "kiosk_ui", "office": "office_ui"}
_POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"


def page_routes() -> list[web.AbstractRouteDef]:
    """Every folder under its address; a folder's own address gives its index.html."""
    routes: list[web.AbstractRouteDef] = []
    for address, name in _FOLDERS.items():
        folder = static_folder(name)
        if not folder.is_dir():
            continue
        index = folder / "index.html"
        if index.is_file():
            routes.append(web.get(f"/{address}", _moved(f"/{address}/")))
            routes.append(web.get(f"/{address}/", _page(index)))
        routes.append(web.static(f"/{address}/", folder))
    routes.append(web.get("/", _moved("/kiosk/")))
    return routes


@web.middleware
async def page_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Pages run nothing but what we serve, and are always asked for anew."""
    response = await handler(request)
    if request.method == "GET" and not request.path.startswith("/pay/"):
        response.headers.setdefault("Content-Security-Policy", _POLICY)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        response.headers.setdefault("Cache-Control", "no-cache")
    return response


def static_folder(name: str) -> Path:
    """Pages stand beside the package in a checkout, inside it in an installed wheel."""
    packed = Path(__file__).with_name("_static") / name
    return packed if packed.is_dir() else _ROOT / name


def _page(file: Path) -> Handler:
    async def page(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(file)

    return page


def _moved(address: str) -> Handler:
    async def moved(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(address)

    return moved
