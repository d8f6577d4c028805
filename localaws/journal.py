"""Everything that happened, in one file of one moment: the engine's stacks and moto's backends.

At most the last second is lost by `kill -9`. A plain pickle of moto drops old object versions and "name taken", and
fails on locks and keys: `Snapshot` repairs that. A pickle runs code when it is loaded, so only a file that this user
owns and nobody else may write is loaded. With `identities` and `repairs` the modules that know moto's inside.
"""

import logging
import os
import pickle
import threading
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from moto import backends
from moto.core.base_backend import BackendDict
from moto.s3.models import _VersionedKeyStore, s3_backends

from localaws.dataplane import DataPlane
from localaws.engine import Engine

logger = logging.getLogger(__name__)

FORMAT = 1
SAVE_SECONDS = 1.0
NAME = "snapshot.pickle"
_FOREIGN = {"moto_api", "instance_metadata"}


class StateRefused(Exception):
    """The state folder's file cannot be used; the message says what to do."""


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
        for found in list(BackendDict._instances)
        if found.service_name not in _FOREIGN
    }


def load_moto(state: dict[str, Any]) -> None:
    """Put backends back."""
    for name, accounts in state.items():
        target = backends.get_backend(name)
        for account, regions in accounts.items():
            for region, backend in regions.items():
                target[account][region] = backend


class Journal:
    """Writes the state when something changed since the last second, and once more at the end."""

    def __init__(self, folder: Path, data_plane: DataPlane, engine: Engine) -> None:
        self._file = folder / NAME
        self._data_plane = data_plane
        self._engine = engine
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="localaws-journal", daemon=True)

    def load(self) -> bool:
        """Load the last state; False when there is none. Raises StateRefused."""
        if not self._file.exists():
            return False
        found = self._file.stat()
        if found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise StateRefused(
                f"{self._file} may be changed by others, so it is not loaded. Remove it, or chmod 600 it."
            )
        with self._file.open("rb") as file:
            header = pickle.load(file)  # noqa: S301 - the user's own file, checked above
            if header != _header():
                raise StateRefused(
                    f"{self._file} was written by another version ({header}). Remove the folder to start afresh."
                )
            state = pickle.load(file)  # noqa: S301 - the same
        load_moto(state["moto"])
        s3_backends.bucket_accounts.update(state["buckets"])
        self._engine.load(state["engine"])
        return True

    def start(self) -> None:
        """Begin to watch for changes."""
        self._thread.start()

    def close(self) -> None:
        """Write the last state and stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)
        self.save()

    def _run(self) -> None:
        while not self._stop.wait(SAVE_SECONDS):
            if self._data_plane.changed.is_set() or not self._engine.idle():
                self.save()

    def save(self) -> None:
        """Write the state of this moment: a new file beside the old one, then in its place."""
        data = BytesIO()
        pickle.dump(_header(), data)
        with self._data_plane.gate.snapshot():
            self._data_plane.changed.clear()
            state = {"engine": self._engine.dump(), "moto": dump_moto(), "buckets": dict(s3_backends.bucket_accounts)}
            Snapshot(data, protocol=5).dump(state)
        beside = self._file.with_suffix(".new")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._file)


def _header() -> dict[str, str]:
    return {"format": str(FORMAT), "moto": version("moto")}
