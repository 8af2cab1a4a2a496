"""``/v1/responses/{id}``: no answer is kept, so whoever asks for one by its id is told that there is none."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request, Response

from gateway.domain import Caller
from gateway.errors import ResponseNotFound

_ONE = "/v1/responses/{response_id}"


def add_responses(app: FastAPI, identify: Callable[[Request], Caller]) -> None:
    """Add the routes of single responses. Without a key they are 401 first, as everything is."""

    @app.get(_ONE, tags=["inference"], summary="404: no answer is kept")
    async def get_response(request: Request, response_id: str) -> Response:
        identify(request)
        raise ResponseNotFound

    @app.delete(_ONE, tags=["inference"], summary="404: no answer is kept")
    async def delete_response(request: Request, response_id: str) -> Response:
        identify(request)
        raise ResponseNotFound

    @app.get(f"{_ONE}/input_items", tags=["inference"], summary="404: no answer is kept")
    async def list_input_items(request: Request, response_id: str) -> Response:
        identify(request)
        raise ResponseNotFound

    @app.post(f"{_ONE}/cancel", tags=["inference"], summary="404: no answer is kept")
    async def cancel_response(request: Request, response_id: str) -> Response:
        identify(request)
        raise ResponseNotFound
