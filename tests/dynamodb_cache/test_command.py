"""`manage.py dynamodb_cache`: what it makes, prints and refuses, each refusal in one line."""

import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.core.management import call_command, get_commands
from django.core.management.base import CommandError

from dynamodb_cache import tables
from dynamodb_cache.client import client
from tests.dynamodb_cache import operating

ROOT = Path(__file__).parents[2]
NAME, OTHER, ROWS = "ops-cache", "ops-other", "ops-rows"


@pytest.fixture
def two(aws, settings) -> None:
    """Three aliases on two tables, and one of another kind."""
    settings.CACHES = {
        "default": operating.alias(NAME, prefix="a"),
        "sessions": operating.alias(NAME, prefix="b"),
        "other": operating.alias(OTHER),
        "local": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    }
    settings.DYNAMODB_CACHE_COLLECTIONS = []


@pytest.fixture
def environment(two) -> Iterator[pytest.MonkeyPatch]:
    """The environment of this process, to be changed."""
    with operating.environment() as patch:
        yield patch


def run(*arguments: str, **options: Any) -> str:
    """Run the command; return what it printed."""
    out = io.StringIO()
    call_command("dynamodb_cache", *arguments, stdout=out, stderr=out, **options)
    return out.getvalue()


def refusal(*arguments: str) -> str:
    """Run the command, which must refuse in one line; return that."""
    with pytest.raises(CommandError) as refused:
        run(*arguments)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def table_names() -> set[str]:
    """The tables that stand."""
    return set(client().list_tables()["TableNames"])


# -- create ---------------------------------------------------------------------------------------------------------


def test_create_makes_the_tables_of_all_aliases_each_once(two) -> None:
    assert run("create") == f"default, sessions: table {NAME} made\nother: table {OTHER} made\n"
    assert table_names() == {NAME, OTHER}
    assert run("create").count("stands already") == 2


def test_create_makes_what_is_named_only(two, settings) -> None:
    settings.DYNAMODB_CACHE_COLLECTIONS = [ROWS]
    run("create", "other")
    assert table_names() == {OTHER}


def test_create_makes_collections_of_setting_and_argument(two, settings) -> None:
    settings.DYNAMODB_CACHE_COLLECTIONS = [ROWS]
    assert f"collection: table {ROWS} made" in run("create", "--collection", "ops-rows2", "--collection", ROWS)
    assert table_names() == {NAME, OTHER, ROWS, "ops-rows2"}
    assert tables.difference(client().describe_table(TableName=ROWS)["Table"], tables.COLLECTION_TABLE) == ""


def test_create_without_any_alias_of_ours_makes_nothing(aws, settings) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    assert run("create") == ""
    assert table_names() == set()


def test_create_can_be_silent_and_called_from_code(two) -> None:
    assert run("create", verbosity=0) == ""


def test_create_protects_on_request(two) -> None:
    run("create", "--deletion-protection")
    assert client().describe_table(TableName=NAME)["Table"]["DeletionProtectionEnabled"] is True


def test_a_made_table_serves_its_alias(two) -> None:
    run("create")
    caches["sessions"].set("k", "v")
    assert caches["sessions"].get("k") == "v"


def test_django_keeps_its_own_command() -> None:
    assert get_commands()["createcachetable"] == "django.core"
    assert get_commands()["dynamodb_cache"] == "dynamodb_cache"


def test_commands_of_two_processes_at_once_both_succeed(aws) -> None:
    aws.faults.set_delay("dynamodb", 0.5)  # longer than one of them starts before the other
    manage = [sys.executable, "manage.py", "dynamodb_cache", "create", "--settings", "tests.settings", "-v", "1"]
    running = [
        subprocess.Popen(manage, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [one.communicate(timeout=60) for one in running]
    assert [one.returncode for one in running] == [0, 0], said
    assert {error for _, error in said} == {""}
    # The processes have the portal's settings: a table for its caches, one for its collection.
    assert len(table_names()) == 2
    for name in table_names():
        assert client().describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"


# -- verify ---------------------------------------------------------------------------------------------------------


def test_verify_passes_what_create_made_and_says_what_could_be_better(two) -> None:
    run("create", "--collection", ROWS)
    printed = run("verify", "--collection", ROWS)
    assert f"default, sessions: table {NAME}\n  pass  table: stands (ACTIVE)\n" in printed
    assert f"collection: table {ROWS}\n" in printed
    assert "  warn  deletion protection: off" in printed
    assert "FAIL" not in printed


def test_verify_fails_where_something_is_wrong_and_goes_on(two) -> None:
    tables.create(OTHER, None, tables.COLLECTION_TABLE)
    out = io.StringIO()
    with pytest.raises(CommandError, match="2 of 8 lines fail") as refused:
        call_command("dynamodb_cache", "verify", stdout=out)
    assert refused.value.returncode == 1
    assert "  FAIL  table: does not exist. Run `manage.py dynamodb_cache create`.\n" in out.getvalue()
    assert "  FAIL  keys: its key is p (S, HASH), s (S, RANGE), not k (S, HASH)" in out.getvalue()


def test_verify_exits_with_1_and_one_line(two) -> None:
    command = [sys.executable, "manage.py", "dynamodb_cache", "verify", "--settings=tests.settings"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "CommandError: 2 of 2 lines fail; mend them and run this again.\n"


def test_verify_of_nothing_is_refused(aws, settings) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    assert "no collection is named" in refusal("verify")


# -- stats, gc, copy ------------------------------------------------------------------------------------------------


def test_stats_print_figures_in_words_and_in_json(two) -> None:
    run("create")
    caches["default"].set("k", "v")
    caches["default"].set("l", "v", timeout=None)
    words = run("stats", "default", "--scan")
    assert f"default: table {NAME}\n  2 items, " in words
    assert "  2 entries with prefix 'a'\n  1 of the entries without timeout\n" in words
    first, second = json.loads(run("stats", "--scan", "--json"))
    assert (first["table"], first["aliases"], first["items"]) == (NAME, ["default", "sessions"], 2)
    assert first["scan"]["entries_by_prefix"] == {"a": 2}
    assert (second["table"], second["items"]) == (OTHER, 0)


def test_stats_do_not_scan_unasked(two) -> None:
    run("create")
    assert "scan" not in json.loads(run("stats", "other", "--json"))[0]


def test_stats_of_a_collection_are_dynamodbs(two) -> None:
    run("create", "--collection", ROWS)
    found = json.loads(run("stats", "other", "--collection", ROWS, "--scan", "--json"))
    assert found[1] == {"table": ROWS, "aliases": [], "items": 0, "bytes": 0}


def test_gc_removes_orphans_of_every_table_once(two) -> None:
    run("create")
    operating.put_part(NAME, "gone", "token", 0)
    assert f"{NAME}: 1 parts, 1 of them orphaned; 0 entries ended and without timeout; none removed (dry run)\n" in run(
        "gc", "--dry-run"
    )
    printed = run("gc", "--segments", "2")
    assert printed.startswith(f"default, sessions: table {NAME}: 1 parts, 1 of them orphaned; ")
    assert printed.splitlines()[0].endswith("; 1 removed")
    assert operating.keys(NAME) == set()


def test_copy_moves_entries_between_tables(two) -> None:
    run("create")
    caches["other"].set("k", "v", timeout=None)
    assert run("copy", OTHER, NAME).startswith("1 entries copied, 0 kept")
    assert run("copy", OTHER, NAME).startswith("0 entries copied, 1 kept")


@pytest.mark.parametrize("wrong", ["0", "-3", "many"])
def test_a_bound_that_is_none_is_refused(two, wrong: str) -> None:
    with pytest.raises(CommandError, match="--segments"):
        run("gc", f"--segments={wrong}")


# -- refusals -------------------------------------------------------------------------------------------------------


def test_an_unknown_alias_is_refused_with_those_that_are_known(two) -> None:
    assert refusal("create", "local").endswith("those that do: default, sessions, other.")


def test_a_refused_option_is_one_line(aws, settings) -> None:
    settings.CACHES = {"default": operating.alias(FAIL_OPNE=True)}
    assert "unknown option FAIL_OPNE" in refusal("create")


def test_no_credentials_is_one_line(environment) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        environment.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        environment.setenv(name, os.devnull)
    assert "no AWS credentials" in refusal("create")


def test_no_region_is_one_line(environment) -> None:
    environment.delenv("AWS_DEFAULT_REGION")
    environment.setenv("AWS_CONFIG_FILE", os.devnull)
    assert "no Region. Set the option REGION" in refusal("create")


def test_an_unknown_profile_is_one_line(environment) -> None:
    environment.setenv("AWS_PROFILE", "nobody")
    assert "no AWS credentials (The config profile (nobody) could not be found)" in refusal("create")


def test_access_denied_is_one_line_that_names_the_action(environment) -> None:
    operating.act_as(environment, operating.make_user("nobody"))
    said = refusal("create")
    assert "access denied. User: arn:aws:iam::" in said
    assert "not authorized to perform: dynamodb:DescribeTable" in said


def test_an_unknown_key_is_one_line(environment) -> None:
    operating.act_as(environment, ("AKIAUNKNOWN0UNKNOWN0", "secret"))
    assert "AWS does not know these credentials" in refusal("stats")


def test_an_endpoint_that_nobody_listens_on_is_one_line(environment) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, not listening: refused at once, and nobody else gets the port
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        environment.setenv("AWS_ENDPOINT_URL", url)
        assert f'DynamoDB does not answer (Could not connect to the endpoint URL: "{url}/")' in refusal("gc")


def test_verify_says_of_each_table_what_refuses_it(environment) -> None:
    operating.act_as(environment, operating.make_user("nobody"))
    out = io.StringIO()
    with pytest.raises(CommandError, match="2 of 2 lines fail"):
        call_command("dynamodb_cache", "verify", stdout=out)
    assert out.getvalue().count("  FAIL  access: ") == 2
