"""Files of callers over HTTP: uploaded at /files, what the tools made at /outputs/ID. Each caller has their own alone; to
anybody else they are not there.

    POST /files                    a form with one file, or its bytes as they are with ?name=
    GET  /files?sha256=…&name=…    the same answer, where a file of these contents and this name is here already
    GET, DELETE /files/ID          GET /outputs/ID
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from glm_mcp.errors import GLMError, InvalidRequest, Overloaded
from glm_mcp.glm.threads import in_thread
from glm_mcp.media.kept.outputs import Outputs
from glm_mcp.media.kept.uploads import LARGEST, MIB, Incoming, Upload
from glm_mcp.media.sources.letting_in import admitted
from glm_mcp.server.http.bodies import Shares
from glm_mcp.server.http.forms import FormFile
from glm_mcp.tools.saving import mime_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from glm_mcp.server.app import App

WRITTEN = MIB  # bytes that are hashed and written in one go
_RANGE = re.compile(rb"bytes=(?:(\d{1,18})-(\d{0,18})|-\d{1,18})", re.IGNORECASE)
_STATUS = {
    "not_found": 404,
    "media_too_large": 413,
    "unsupported_media": 415,
    "forbidden_path": 403,
    "quota": 507,
    "config": 507,
    "overloaded": 503,
}
# A browser that is led here shows nothing of it and runs nothing in it.
_ATTACHED = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-store",
}

Serves = Callable[["Request", Outputs], Awaitable["Response"]]


def routes(app: App, most: int) -> list[Route]:
    """`most`: uploads of one caller at once, each of which holds some memory."""
    from starlette.routing import Route

    def serving(serve: Serves) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            from starlette.responses import JSONResponse

            caller = request.scope["state"]["caller"]
            request.scope["headers"] = [
                h for h in request.headers.raw if h[0] != b"range" or _is_one_range(h[1])
            ]
            with app.hiding(caller).applied():
                try:
                    return await serve(request, app.outputs_of(caller))
                except GLMError as error:
                    shown = {"error": error.kind, "error_description": str(error)}
                    return JSONResponse(shown, _STATUS.get(error.kind, 400))

        return endpoint

    incoming = Shares(most)

    async def upload(request: Request, outputs: Outputs) -> Response:
        with incoming.one(request.scope["state"]["caller"].owner) as given:
            if not given:
                raise Overloaded(f"{most} of your uploads are coming in", "Send it when one of them is here.")
            return await _upload(request, outputs)

    return [
        Route("/files", serving(upload), methods=["POST"]),
        Route("/files", serving(_known), methods=["GET"]),
        Route("/files/{ident}", serving(_file), methods=["GET"]),
        Route("/files/{ident}", serving(_remove), methods=["DELETE"]),
        Route("/outputs/{ident}", serving(_output), methods=["GET"]),
    ]


def _is_one_range(header: bytes) -> bool:
    """Of many ranges the library compares each with all, and what is none it refuses, in words of its own: of both the whole is
    given (RFC 9110, section 14.2).
    """
    found = _RANGE.fullmatch(header)
    return found is not None and not (found[2] and int(found[2]) < int(found[1]))


async def _upload(request: Request, outputs: Outputs) -> Response:
    chunks: AsyncIterator[bytes] = request.stream()
    name = request.query_params.get("name", "")
    form = None
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        form = FormFile(request.headers["content-type"])
        chunks = form.read(chunks)
    declared = 0 if form else int(request.headers.get("content-length", 0))
    incoming: Incoming | None = None
    waiting = bytearray()
    try:
        async for chunk in chunks:
            if incoming is None:
                # A form's own name for its file is known with the first of its bytes.
                given = name or (form.name if form else "") or "file"
                incoming = await in_thread(outputs.uploads.begin, given, declared)
            waiting += chunk
            if len(waiting) >= WRITTEN:
                await in_thread(incoming.write, waiting)
                waiting = bytearray()
        if incoming is None:
            raise InvalidRequest("no file came", "Send one: curl -F file=@PATH, or its bytes as the body.")
        await in_thread(incoming.write, waiting)
        upload = await in_thread(incoming.finish, partial(admitted, want="any", max_bytes=LARGEST))
        return _told(upload, incoming.sha256)
    finally:
        if incoming is not None:
            incoming.discard()


async def _known(request: Request, outputs: Outputs) -> Response:
    digest, name = request.query_params.get("sha256", ""), request.query_params.get("name", "")
    return _told(await in_thread(outputs.uploads.known, digest, name), digest.lower())


def _told(upload: Upload, digest: str) -> Response:
    from starlette.responses import JSONResponse

    until = datetime.fromtimestamp(upload.until, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    shown = {"uri": upload.uri, "id": upload.id, "name": upload.name, "bytes": upload.size}
    return JSONResponse({**shown, "sha256": digest, "until": until})


async def _file(request: Request, outputs: Outputs) -> Response:
    upload = await in_thread(outputs.uploads.find, request.path_params["ident"])
    return _attachment(upload.path, upload.name)


async def _remove(request: Request, outputs: Outputs) -> Response:
    from starlette.responses import Response

    await in_thread(outputs.uploads.remove, request.path_params["ident"])
    return Response(status_code=204)


async def _output(request: Request, outputs: Outputs) -> Response:
    path = await in_thread(outputs.find, request.path_params["ident"])
    return _attachment(path, path.name.partition(".")[2])


def _attachment(path: Path, name: str) -> Response:
    from starlette.responses import FileResponse

    return FileResponse(path, filename=name, media_type=mime_of(name), headers=_ATTACHED)
