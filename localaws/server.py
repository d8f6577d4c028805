"""One AWS on one loopback port: puts the parts together and serves them (DESIGN P13).

Closed to web pages: a foreign Host and any Origin are refused, moto's own control pages do not exist, and control calls
need a token that only the state folder's owner can read (S10).
"""

import json
import os
import secrets
import threading
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from moto.iam.models import iam_backends
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from waitress import wasyncore
from waitress.server import create_server

from localaws import control, inprocess, repairs, signing, state
from localaws.callers import Credentials
from localaws.dataplane import DataPlane
from localaws.engine import RESTS_ON, Engine
from localaws.faults import Faults
from localaws.frontdoor import FrontDoor
from localaws.journal import Journal, shared_maps
from localaws.state import StateRefused

HOME_ACCOUNT = "100000000000"
HOME_USER = "stackport-portal"
REGION = "eu-west-1"
THREADS = 64
CONNECTIONS = 1000  # boto3 keeps connections open; waitress would stop to accept at 100


class LocalAWS:
    """A local AWS. moto's state is global, so only one lives in a process at a time."""

    def __init__(
        self, folder: Path | None = None, *, pace_seconds: float = 0.0, control_token_file: Path | None = None
    ) -> None:
        repairs.apply()
        self.faults = Faults()
        self.generation = 0
        self.control_token = secrets.token_urlsafe(24)
        self._server: Any = None
        self._sockets: dict[int, Any] = {}
        self._thread: threading.Thread | None = None
        self.port = 0
        self._hold = -1
        moto = DomainDispatcherApplication(create_backend_app)
        self.data_plane = DataPlane(moto, self.faults)
        self.front = FrontDoor(
            self.data_plane, self._cloudformation, home_account=HOME_ACCOUNT, stall=self.faults.stall
        )
        self.engine = Engine(
            self._client,
            self._assume_for_service,
            internal=self._internal,
            pace_seconds=pace_seconds,
            faults=self.faults,
        )
        self.home = Credentials("", "")
        self.journal: Journal | None = None
        if folder is None:
            self._make_home()
        else:
            self._open(folder)
            control_token_file = control_token_file or folder / "control-token"
        if control_token_file is not None:
            state.write(control_token_file, self.control_token.encode())

    # -- what the engine is given -----------------------------------------------------------------------------------

    def _client(self, service: str, credentials: Credentials, region: str) -> Any:
        return inprocess.client(self.front, service, credentials, region)

    def _assume_for_service(self, role_arn: str, source_account: str, session_name: str) -> Credentials:
        with self.data_plane.gate.request():
            return self.front.identities.assume_for_service(role_arn, source_account, session_name)

    def _internal(self, account_id: str) -> Credentials:
        with self.data_plane.gate.request():
            return self.front.internal_credentials(account_id)

    def _cloudformation(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.data_plane.delay("cloudformation")
        with self.data_plane.gate.request():
            self.data_plane.changed.set()
            answer = self.engine.wsgi(environ, start_response)
        if self.journal is not None:
            # Outside the gate, which the journal must close to write.
            self.engine.told.wait(environ.get(RESTS_ON, 0))
        return answer

    # -- state ------------------------------------------------------------------------------------------------------

    def _open(self, folder: Path) -> None:
        """Load what the folder keeps, or begin to keep it. Raises StateRefused."""
        state.make_folder(folder)
        self._hold = state.hold(folder)
        signing.use(folder)
        self.journal = Journal(folder, self.data_plane, self.engine)
        credentials = folder / "credentials.json"
        if self.journal.load():
            if not credentials.exists():
                raise StateRefused(f"{credentials} is missing. Remove the folder to start afresh.")
            state.check(credentials)
            kept = json.loads(credentials.read_text())
            self.home = Credentials(kept["access_key_id"], kept["secret_access_key"])
        else:
            self._make_home()
            state.write(credentials, json.dumps({**_keys(self.home), "region": REGION}).encode())
            self.journal.save()
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
            for entries in shared_maps().values():
                entries.clear()
            self.front.identities.forget()
            self._make_home_again()
            self.data_plane.changed.set()
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
        """Serve on a loopback port in threads; return the port. Raises OSError when it is taken."""
        self._server = create_server(
            self.wsgi,
            map=self._sockets,
            host="127.0.0.1",
            port=port,
            threads=THREADS,
            connection_limit=CONNECTIONS,
            asyncore_use_poll=True,
            ident=None,
        )
        self.port = int(self._server.effective_port)
        self._thread = threading.Thread(target=self._server.run, name="localaws-server", daemon=True)
        self._thread.start()
        return self.port

    def stop(self) -> None:
        """Stop what runs, write the last state, then close the port: who got an answer finds it in the state."""
        self.data_plane.stop_polling()
        self.engine.close()
        if self.journal is not None:
            self.journal.close()
        if self._thread is not None:
            # First who is answering: an answer that meets closed sockets is an error in the log.
            self._server.task_dispatcher.shutdown(timeout=2)
            # In the server's own thread: a socket closed under its feet is an error there.
            self._server.trigger.pull_trigger(partial(wasyncore.close_all, self._sockets))
            self._thread.join(2)
        if self._hold >= 0:
            os.close(self._hold)
            self._hold = -1

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Let in what is no web page, and answer control calls."""
        hosts = {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}
        if "HTTP_ORIGIN" in environ or environ.get("HTTP_HOST", "") not in hosts:
            return _answer(start_response, "403 Forbidden", _words("This port is not for web pages."))
        path = environ.get("PATH_INFO", "/")
        if path == "/_localaws/ready":
            return _answer(start_response, "200 OK", "{}")
        if path == f"/{signing.signer().name}":
            return _answer(start_response, "200 OK", signing.signer().certificate.decode())
        if path.startswith(control.PREFIX):
            return _answer(start_response, *control.answer(self, environ))
        if path.startswith(("/_localaws", "/moto-api")):
            return _answer(start_response, "404 Not Found", _words("There is no such page."))
        answer = self.front(environ, start_response)
        if "/sns/aws4_request" in environ.get("HTTP_AUTHORIZATION", ""):
            # The front door itself confirms subscriptions, past the data plane.
            self.data_plane.changed.set()
        return answer


def _keys(credentials: Credentials) -> dict[str, str]:
    return {
        "access_key_id": credentials.access_key_id,
        "secret_access_key": credentials.secret_access_key,
    }


def _words(text: str) -> str:
    return json.dumps({"message": text})


def _answer(start_response: Callable[..., Any], status: str, text: str) -> Iterable[bytes]:
    body = text.encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
