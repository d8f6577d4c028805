"""The control calls of a local AWS: faults, pace, reset, and a look inside. Only for who can read its token.

`POST /_localaws/control/faults|pace|reset|info|waiting` with the header `X-Localaws-Token`; a JSON object goes in and comes out.
"""

import json
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.server import LocalAWS

PREFIX = "/_localaws/control/"
TOKEN_HEADER = "HTTP_X_LOCALAWS_TOKEN"  # noqa: S105 - the header's name
MAX_BYTES = 64 * 1024

Answer = tuple[str, str]


def answer(aws: "LocalAWS", environ: dict[str, Any]) -> Answer:
    """Carry out a control call and return status line and JSON body."""
    given = environ.get(TOKEN_HEADER, "").encode()
    if environ["REQUEST_METHOD"] != "POST" or not secrets.compare_digest(given, aws.control_token.encode()):
        return "403 Forbidden", _words("A control call is a POST with the token of the state folder.")
    act = _CALLS.get(environ["PATH_INFO"].removeprefix(PREFIX))
    if act is None:
        return "404 Not Found", _words(f"The control calls are {', '.join(sorted(_CALLS))}.")
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > MAX_BYTES:
        return "413 Content Too Large", _words("A control call is a small JSON object.")
    try:
        wish = json.loads(environ["wsgi.input"].read(length) or b"{}")
        found = act(aws, wish)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return "400 Bad Request", _words(f"This control call cannot be read: {error}")
    return "200 OK", json.dumps(found)


def _words(text: str) -> str:
    return json.dumps({"message": text})


def _faults(aws: "LocalAWS", wish: dict[str, Any]) -> dict[str, Any]:
    aws.faults.control(wish)
    return {}


def _pace(aws: "LocalAWS", wish: dict[str, Any]) -> dict[str, Any]:
    aws.engine.pace_seconds = float(wish["seconds"])
    return {}


def _reset(aws: "LocalAWS", _wish: dict[str, Any]) -> dict[str, Any]:
    aws.reset()
    return {}


def _info(aws: "LocalAWS", _wish: dict[str, Any]) -> dict[str, Any]:
    """With all requests held for a moment, so that the answer is of one moment."""
    with aws.data_plane.gate.snapshot():
        return {
            "idle": aws.engine.idle(),
            "pace_seconds": aws.engine.pace_seconds,
            "faults": aws.faults.shown(),
            "resets": aws.generation,
            "saved": aws.journal is not None and aws.journal.is_current(),
        }


def _waiting(aws: "LocalAWS", _wish: dict[str, Any]) -> dict[str, Any]:
    """The calls that a stall keeps, by number."""
    return {str(number): call for number, call in aws.faults.waiting().items()}


_CALLS: dict[str, Callable[["LocalAWS", dict[str, Any]], dict[str, Any]]] = {
    "faults": _faults,
    "pace": _pace,
    "reset": _reset,
    "info": _info,
    "waiting": _waiting,
}
