"""Reads an answer whole before any library does: within a time, within a size, and as JSON or not at all."""

from __future__ import annotations

import json
import time
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from activities._outcomes import Call, no_answer, unusable

MOST_BYTES = 32 * 1024 * 1024
_PIECE = 64 * 1024


def take_whole(response: requests.Response, call: Call, *, seconds: float) -> bytes:
    """The body. A read timeout counts each piece anew, so a body that drips would hold the thread for ever.

    Raises:
        ConnectorError: it breaks off, takes too long or is too long.
    """
    end = time.monotonic() + seconds
    body = bytearray()
    broken = False
    try:
        while piece := response.raw.read1(_PIECE, decode_content=True):
            body += piece
            if len(body) > MOST_BYTES or time.monotonic() > end:
                response.close()
                raise unusable(call)
    except (HTTPError, OSError):
        broken = True
    if broken:
        response.close()
        raise no_answer(call, requests.ConnectionError())
    # What requests itself would have done by `response.content`; it offers no way to hand it a body.
    vars(response).update(_content=bytes(body), _content_consumed=True)
    return bytes(body)


def json_of(body: bytes) -> Any:
    """The JSON value of a body.

    Raises:
        ValueError: it is none, or nested beyond reason.
    """
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("nested beyond reason") from None
