"""What the port answers to plain HTTP: whether the node lives and is ready."""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

NOT_READY = 503


def http_application(is_ready: Callable[[], bool]) -> Starlette:
    """`/livez`: the event loop runs. `/readyz`: new calls are welcome."""

    async def livez(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        if is_ready():
            return PlainTextResponse("ready\n")
        return PlainTextResponse("not ready\n", status_code=NOT_READY)

    return Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz)])
