"""What other tests rely on: the engines stay on loopback, end with their starter, and lack only what they are said to."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.engines import servers
from tests.engines.fixtures import LACKS, OLD_ITEM, TIME_TO_LIVE, TRANSACTIONS, Engine

LISTENING = "0A"
LOOPBACK = "0100007F"  # 127.0.0.1 as the kernel writes it
STARTER = """
import sys, time
from pathlib import Path
from tests.engines import servers
with getattr(servers, sys.argv[1])():
    print(Path("/proc/self/task").joinpath(*Path("/proc/self").resolve().parts[-1:], "children").read_text(), flush=True)
    time.sleep(60)
"""


def listened_on(pid: int) -> set[str]:
    """Return the addresses that a process listens on, as the kernel writes them."""
    names = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    sockets = {found[1] for name in names if (found := re.fullmatch(r"socket:\[(\d+)\]", name))}
    lines = [
        line.split() for kind in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()
    ]
    return {line[1].split(":")[0] for line in lines if line[3] == LISTENING and line[9] in sockets}


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be fetched by its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="needs Linux's list of sockets")
@pytest.mark.parametrize("name", ["ministack", "dynalite"])
def test_an_engine_listens_on_loopback_only_and_ends_with_a_killed_starter(
    name: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(name)  # skips where it is not installed
    starter = [sys.executable, "-c", STARTER, name]
    with subprocess.Popen(starter, stdout=subprocess.PIPE, text=True, cwd=servers.ROOT) as started:
        assert started.stdout is not None
        pid = int(started.stdout.readline())
        found = listened_on(pid)
        started.send_signal(signal.SIGKILL)
    assert found == {LOOPBACK}
    deadline = time.monotonic() + servers.END_SECONDS
    while is_alive(pid):
        assert time.monotonic() < deadline, "the engine outlived its starter"
        time.sleep(0.02)


def _gives_the_old_item(engine: Engine) -> bool:
    item = {"k": {"S": "there"}, "n": {"N": "7"}}
    engine.client.put_item(TableName=engine.table, Item=item)
    with pytest.raises(engine.client.exceptions.ConditionalCheckFailedException) as refused:
        engine.client.put_item(
            TableName=engine.table,
            Item=item,
            ConditionExpression="attribute_not_exists(k)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    return bool(refused.value.response.get("Item") == item)


def _knows(operation: str, **arguments: Any) -> Callable[[Engine], bool]:
    def ask(engine: Engine) -> bool:
        try:
            getattr(engine.client, operation)(**_named(arguments, engine.table))
        except ClientError as error:
            if error.response["Error"]["Code"] != "UnknownOperationException":
                raise
            return False
        return True

    return ask


def _named(arguments: Any, table: str) -> Any:
    if isinstance(arguments, dict):
        return {key: _named(value, table) for key, value in arguments.items()}
    if isinstance(arguments, list):
        return [_named(value, table) for value in arguments]
    return table if arguments == "TABLE" else arguments


ABILITIES: dict[str, Callable[[Engine], bool]] = {
    OLD_ITEM: _gives_the_old_item,
    TRANSACTIONS: _knows(
        "transact_write_items", TransactItems=[{"Put": {"TableName": "TABLE", "Item": {"k": {"S": "in one"}}}}]
    ),
    TIME_TO_LIVE: _knows(
        "update_time_to_live",
        TableName="TABLE",
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "t"},
    ),
}


@pytest.mark.parametrize("ability", ABILITIES)
def test_an_engine_lacks_what_it_is_said_to_lack_and_nothing_else(engine: Engine, ability: str) -> None:
    """Else a test would be skipped without need, or blame the cache for its engine."""
    assert ABILITIES[ability](engine) == (ability not in LACKS[engine.name])
