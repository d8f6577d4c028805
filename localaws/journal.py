"""Everything that happened, in one file of one moment: the engine's stacks and moto's backends.

A line of JSON says which version wrote it. `kill -9` loses at most the last second, and nothing that CloudFormation has
answered (`told`). A plain pickle of moto drops old object versions and "name taken", and fails on locks and keys:
`Snapshot` repairs that. A pickle runs code when it is loaded, so only a file that this user owns and nobody else may
write is loaded. With `identities`, `subscriptions` and `repairs` the modules that know moto's inside.
"""

import json
import logging
import pickle
import threading
import time
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import moto.backends
import moto.core.base_backend
import moto.s3.models
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from moto.organizations.models import organizations_backends
from moto.s3.models import s3_backends

from localaws import state
from localaws.dataplane import DataPlane
from localaws.engine import Engine
from localaws.state import StateRefused

logger = logging.getLogger(__name__)

FORMAT = 1
SAVE_SECONDS = 1.0
NAME = "snapshot"
_FOREIGN = {"moto_api", "instance_metadata"}
# Private to moto, or typed for literal names only.
_backend_of: Any = moto.backends.get_backend
_backends: Any = moto.core.base_backend.BackendDict
_VersionedKeyStore: Any = vars(moto.s3.models)["_VersionedKeyStore"]


def load_key(der: bytes) -> Any:
    """Return a private key."""
    return load_der_private_key(der, None)


def key_store(entries: list[tuple[str, Any]]) -> Any:
    """Return moto's store of objects with all their versions."""
    store = _VersionedKeyStore()
    for name, versions in entries:
        dict.__setitem__(store, name, versions)
    return store


class Snapshot(pickle.Pickler):
    """Pickles what plain pickle cannot, or would cut."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, threading.Condition):
            return threading.Condition, ()
        if isinstance(obj, type(threading.RLock())):
            return threading.RLock, ()
        if isinstance(obj, type(threading.Lock())):
            return threading.Lock, ()
        if isinstance(obj, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            return load_key, (obj.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),)
        if type(obj) is _VersionedKeyStore:
            # Iterating it shows the newest version only.
            return key_store, ([(name, dict.__getitem__(obj, name)) for name in dict.keys(obj)],)
        return NotImplemented


def dump_moto() -> dict[str, Any]:
    """Return moto's backends of every service that was used, by account and Region."""
    return {
        found.service_name: {account: dict(regions) for account, regions in found.items()}
        for found in list(_backends._instances)  # noqa: SLF001 - moto's only list of them
        if found.service_name not in _FOREIGN
    }


def load_moto(found: dict[str, Any]) -> None:
    """Put backends back."""
    for name, accounts in found.items():
        target = _backend_of(name)
        for account, regions in accounts.items():
            for region, backend in regions.items():
                target[account][region] = backend


def shared_maps() -> dict[str, dict[str, Any]]:
    """Return what moto keeps beside its backends: who owns a bucket's name, whose organisation an account is in."""
    return {"buckets": s3_backends.bucket_accounts, "members": organizations_backends.master_accounts}


class Journal:
    """Writes the state when something changed since the last second, at once when a caller waits for it, and at the end."""

    def __init__(self, folder: Path, data_plane: DataPlane, engine: Engine) -> None:
        self._file = folder / NAME
        self._data_plane = data_plane
        self._engine = engine
        self._was_busy = False
        self._writing = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="localaws-journal", daemon=True)

    def load(self) -> bool:
        """Load the last state; False when there is none. Raises StateRefused."""
        if not self._file.exists():
            return False
        state.check(self._file)
        with self._file.open("rb") as file:
            if file.readline() != _header():
                raise StateRefused(
                    f"{self._file} was written by another version. Remove the folder to start afresh, or go back to it."
                )
            try:
                found = pickle.load(file)  # noqa: S301 - the user's own file, checked above
            except (pickle.UnpicklingError, EOFError, AttributeError, ImportError) as error:
                raise StateRefused(f"{self._file} is damaged ({error}). Remove the folder to start afresh.") from error
        load_moto(found["moto"])
        for name, entries in shared_maps().items():
            entries.update(found["maps"][name])
        self._engine.load(found["engine"])
        return True

    def is_current(self) -> bool:
        """Tell whether the file holds everything; to be asked while the gate is closed."""
        return not (self._writing or self._was_busy or self._data_plane.changed.is_set() or not self._engine.idle())

    def start(self) -> None:
        """Begin to watch for changes."""
        self._thread.start()

    def close(self) -> None:
        """Write the last state; nothing that would be lost is let in any more."""
        self._stop.set()
        self._engine.told.wanted.set()
        if self._thread.is_alive():
            self._thread.join(10)
        self._data_plane.gate.close()
        told = self._engine.told.of(None)
        self._write(self._collect())
        self._engine.told.kept(told)

    def _run(self) -> None:
        told = self._engine.told
        while not self._stop.is_set():
            asked = told.wanted.wait(SAVE_SECONDS)
            told.wanted.clear()
            if not self._stop.is_set() and (self._is_due() or asked):
                began = time.monotonic()
                self._try_to_save()
                # Whoever waits, calls get as much time as the writing, which holds them up.
                self._stop.wait(time.monotonic() - began)

    def _try_to_save(self) -> None:
        try:
            self.save()
        except Exception:
            # A full disk, or something new in moto: say so each second rather than stop saving in silence.
            logger.exception("the state could not be saved")
            self._data_plane.changed.set()
            self._engine.told.kept(self._engine.told.of(None))

    def _is_due(self) -> bool:
        """Tell whether something changed; a stack's last step counts although it is over."""
        was_busy, self._was_busy = self._was_busy, not self._engine.idle()
        return was_busy or self._was_busy or self._data_plane.changed.is_set()

    def save(self) -> None:
        """Write the state of this moment."""
        with self._data_plane.gate.snapshot():
            self._writing = True
            told = self._engine.told.of(None)
            data = self._collect()
        self._write(data)
        self._writing = False
        self._engine.told.kept(told)

    def _collect(self) -> BytesIO:
        """Return the state as it is while the gate is closed."""
        self._data_plane.changed.clear()
        data = BytesIO()
        data.write(_header())
        Snapshot(data, protocol=5).dump(
            {"engine": self._engine.dump(), "moto": dump_moto(), "maps": {k: dict(v) for k, v in shared_maps().items()}}
        )
        return data

    def _write(self, data: BytesIO) -> None:
        state.write(self._file, data.getbuffer())


def _header() -> bytes:
    return json.dumps({"format": FORMAT, "moto": version("moto")}).encode() + b"\n"
