"""One AWS on one loopback port: puts the parts together and serves them (DESIGN P13).

Closed to web pages: a foreign Host and any Origin are refused, moto's own control pages do not exist, and control calls
need a token that only the state folder's owner can read (S10).
"""

import json
import os
import secrets
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from moto.iam.models import iam_backends
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from waitress.server import create_server

from localaws import inprocess, repairs
from localaws.callers import Credentials
from localaws.dataplane import DataPlane
from localaws.engine import Engine
from localaws.faults import Faults
from localaws.frontdoor import FrontDoor
from localaws.journal import Journal

HOME_ACCOUNT = "100000000000"
HOME_USER = "stackport-portal"
REGION = "eu-west-1"
THREADS = 64
LONG_POLLS = THREADS // 2


class LocalAWS:
    """A local AWS. moto's state is global, so only one lives in a process at a time."""

    def __init__(self, state: Path | None = None, *, pace_seconds: float = 0.0) -> None:
        repairs.apply()
        self.faults = Faults()
        self.generation = 0
        self.control_token = secrets.token_urlsafe(24)
        self._state = state
        self._server: Any = None
        self._polls = threading.Semaphore(LONG_POLLS)
        self._port = 0
        moto = DomainDispatcherApplication(create_backend_app)
        self.data_plane = DataPlane(moto, self.faults)
        self.front = FrontDoor(self.data_plane, self._cloudformation, home_account=HOME_ACCOUNT)
        self.engine = Engine(
            self._client,
            self.front.identities.assume_for_service,
            internal=self.front.internal_credentials,
            pace_seconds=pace_seconds,
            faults=self.faults,
        )
        self.home = Credentials("", "")
        self.journal: Journal | None = None
        if state is None:
            self._make_home()
        else:
            self._open(state)

    def _client(self, service: str, credentials: Credentials, region: str) -> Any:
        return inprocess.client(self.front, service, credentials, region)

    def _cloudformation(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.data_plane.changed.set()
        return self.engine.wsgi(environ, start_response)

    # -- state ------------------------------------------------------------------------------------------------------

    def _open(self, state: Path) -> None:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.journal = Journal(state, self.data_plane, self.engine)
        credentials = state / "credentials.json"
        if self.journal.load() and credentials.exists():
            kept = json.loads(credentials.read_text())
            self.home = Credentials(kept["access_key_id"], kept["secret_access_key"])
        else:
            self._make_home()
            _write(credentials, json.dumps({**_keys(self.home), "region": REGION}))
            self.journal.save()
        _write(state / "control-token", self.control_token)
        self.journal.start()
        self.engine.resume()

    def _make_home(self) -> None:
        """Make the portal's own first user and key. No public call lets one choose a key, so it cannot be a fixed one."""
        iam = iam_backends[HOME_ACCOUNT]["aws"]
        iam.create_user(region_name="us-east-1", user_name=HOME_USER)
        key = iam.create_access_key(HOME_USER, "AKIA")
        self.home = Credentials(key.access_key_id, key.secret_access_key)

    def reset(self) -> None:
        """Empty everything but the portal's own key; for tests."""
        self.faults.clear()
        self.engine.reset()
        with self.data_plane.gate.snapshot():
            moto_api_backend.reset()
            s3_backends.bucket_accounts.clear()
            self.front.identities.forget()
            self._make_home_again()
        self.generation += 1

    def _make_home_again(self) -> None:
        kept = self.home
        self._make_home()
        iam = iam_backends[HOME_ACCOUNT]["aws"]
        key = iam.access_keys.pop(self.home.access_key_id)
        key.access_key_id, key.secret_access_key = kept.access_key_id, kept.secret_access_key
        iam.access_keys[kept.access_key_id] = key
        self.home = kept

    # -- serving ----------------------------------------------------------------------------------------------------

    def start(self, port: int = 0) -> int:
        """Serve on a loopback port in threads; return the port."""
        self._server = create_server(self.wsgi, host="127.0.0.1", port=port, threads=THREADS, ident=None)
        self._port = self._server.effective_port
        threading.Thread(target=self._server.run, name="localaws-server", daemon=True).start()
        return self._port

    def stop(self) -> None:
        """Stop serving and write the last state."""
        if self._server is not None:
            self._server.close()
        self.engine.close()
        if self.journal is not None:
            self.journal.close()

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Let in what is no web page, answer control calls, and cap the long polls."""
        host = environ.get("HTTP_HOST", "")
        if "HTTP_ORIGIN" in environ or host not in {f"127.0.0.1:{self._port}", f"localhost:{self._port}"}:
            return _answer(start_response, "403 Forbidden", "This port is not for web pages.")
        path = environ.get("PATH_INFO", "/")
        if path.startswith("/_localaws/"):
            return self._control(path, environ, start_response)
        if path.startswith("/moto-api"):
            return _answer(start_response, "404 Not Found", "There is no such page.")
        if "ReceiveMessage" not in environ.get("HTTP_X_AMZ_TARGET", ""):
            return self.front(environ, start_response)
        if not self._polls.acquire(blocking=False):
            # Too many wait already: an empty list at once, and the client simply polls again.
            return _answer(start_response, "200 OK", "{}", kind="application/x-amz-json-1.0")
        try:
            return self.front(environ, start_response)
        finally:
            self._polls.release()

    def _control(self, path: str, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if path == "/_localaws/ready":
            return _answer(start_response, "200 OK", "ready")
        token = environ.get("HTTP_X_LOCALAWS_TOKEN", "")
        if environ["REQUEST_METHOD"] != "POST" or not secrets.compare_digest(token, self.control_token):
            return _answer(start_response, "403 Forbidden", "A control call needs the token of the state folder.")
        wish = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"{}")
        if path == "/_localaws/fault":
            self.faults.control(wish)
        elif path == "/_localaws/pace":
            self.engine.pace_seconds = float(wish["seconds"])
        else:
            return _answer(start_response, "404 Not Found", "There is no such control.")
        return _answer(start_response, "200 OK", "done")


def _keys(credentials: Credentials) -> dict[str, str]:
    return {
        "access_key_id": credentials.access_key_id,
        "secret_access_key": credentials.secret_access_key,
    }


def _write(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)


def _answer(start_response: Callable[..., Any], status: str, text: str, kind: str = "text/plain") -> Iterable[bytes]:
    body = text.encode()
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]
