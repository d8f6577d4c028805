"""A process of its own that uses the cache: takes jobs, a line of JSON each, until its input closes.

A job names keys of AWS, table, options and a list of calls. When it has connected it says "ready"; a line with a moment
follows, so that several processes begin together; then it answers with one line of JSON.
"""

import json
import os
import sys
import time
from typing import Any

from django.conf import settings

from dynamodb_cache import DynamoDBCache, client


def answers(job: dict[str, Any]) -> list[Any]:
    """Do a job; an exception's name, in a list, stands for the answer of its call."""
    if not job["keys"].items() <= os.environ.items():
        os.environ |= job["keys"]
        client.reset()
    cache = DynamoDBCache(job["table"], {"OPTIONS": job["options"]})
    cache.get("connect-before-the-start")
    say("ready")
    time.sleep(max(0.0, json.loads(sys.stdin.readline()) - time.time()))
    found: list[Any] = []
    for name, *arguments in job["calls"]:
        try:
            found.append(getattr(cache, name)(*arguments))
        except Exception as error:  # noqa: BLE001 - the test judges it
            found.append([type(error).__name__])
    return found


def say(message: Any) -> None:
    """Write a line to whoever started this."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Do jobs until the input closes; the argument is the key that signs values."""
    settings.configure(SECRET_KEY=sys.argv[1])
    while line := sys.stdin.readline():
        say(answers(json.loads(line)))


if __name__ == "__main__":
    main()
