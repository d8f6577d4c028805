"""boto3 clients whose requests run a WSGI callable in this process instead of a socket.

The engine speaks to the data plane through them: the same public calls, signed the same way, so the front door judges
them like any other request, but no request thread waits for another one.
"""

from __future__ import annotations

import io
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

if TYPE_CHECKING:
    from localaws.callers import Credentials

    WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

IN_PROCESS = "localaws.inprocess"
"""WSGI environ key that is true for these requests; no HTTP request can set a key without the `HTTP_` prefix."""

ENDPOINT = "http://127.0.0.1:1"
"""Never dialled. An IP address makes botocore choose path-style S3 by itself."""

KEPT_CLIENTS = 256

_lock = threading.Lock()
_session: boto3.session.Session | None = None
_clients: OrderedDict[tuple[Any, ...], Any] = OrderedDict()


def client(app: WSGIApp, service: str, credentials: Credentials, region: str) -> Any:
    """Return a boto3 client of `service` that acts as `credentials` on `app`; built once and kept."""
    key = (app, service, credentials.access_key_id, credentials.session_token, region)
    with _lock:
        if key in _clients:
            _clients.move_to_end(key)
            return _clients[key]
        made = _build(app, service, credentials, region)
        _clients[key] = made
        if len(_clients) > KEPT_CLIENTS:
            _clients.popitem(last=False)
        return made


def _build(app: WSGIApp, service: str, credentials: Credentials, region: str) -> Any:
    global _session
    _session = _session or boto3.session.Session()
    make: Any = _session.client  # the service is a name known only now; the stubs want a literal
    made = make(
        service,
        region_name=region,
        endpoint_url=ENDPOINT,
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        aws_session_token=credentials.session_token,
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )
    made.meta.events.register_first("before-send", _Sender(app))
    made.meta.events.register_first("request-created.s3-control", keep_ip_host)
    return made


def keep_ip_host(request: Any, **_: Any) -> None:
    """An IP address takes no account prefix (botocore makes the same exception for bucket names)."""
    request.url = re.sub(r"//\d{12}\.(?=\d+\.\d+\.\d+\.\d+[:/])", "//", request.url)


class _Sender:
    """Answers botocore's `before-send` event with the WSGI callable's response."""

    def __init__(self, app: WSGIApp) -> None:
        self._app = app

    def __call__(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        head: dict[str, Any] = {}
        written: list[bytes] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], None]:
            head.update(status=int(status.split(" ", 1)[0]), headers=dict(headers))
            return written.append

        parts = self._app(environ_of(request), start_response)
        try:
            written.extend(parts)
        finally:
            close = getattr(parts, "close", None)
            if close:
                close()
        return AWSResponse(request.url, head["status"], head["headers"], _Raw(b"".join(written)))


class _Raw(io.BytesIO):
    """The part of urllib3's response that botocore reads."""

    def stream(self, amt: int = 65536, decode_content: bool | None = None) -> Iterator[bytes]:
        while chunk := self.read(amt):
            yield chunk


def environ_of(request: AWSPreparedRequest) -> dict[str, Any]:
    """Return the WSGI environ of a prepared request."""
    url = urlsplit(request.url)
    body = _bytes(request.body)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(url.path, "latin-1") or "/",
        "RAW_URI": url.path + (f"?{url.query}" if url.query else ""),
        "REQUEST_URI": url.path + (f"?{url.query}" if url.query else ""),
        "QUERY_STRING": url.query,
        "SERVER_NAME": url.hostname,
        "SERVER_PORT": str(url.port or 80),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": url.netloc,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": url.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        IN_PROCESS: True,
    }
    headers: dict[str, Any] = dict(request.headers)  # botocore's signer writes some of them as bytes
    for name, value in headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        key = name.upper().replace("-", "_")
        if key not in {"CONTENT_LENGTH", "TRANSFER_ENCODING", "HOST"}:
            environ["CONTENT_TYPE" if key == "CONTENT_TYPE" else f"HTTP_{key}"] = text
    return environ


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, (bytes, bytearray)) else bytes(body.read())
