"""`manage.py work`: the worker process. Takes steps of operations, reads accounts, and sweeps up what was lost."""

import signal
import threading
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.checks import expect_fit
from projects import bells, sweep


class Command(BaseCommand):
    """Runs until SIGTERM or SIGINT; a step under way is finished first."""

    help = "Run operations, one short step a message; read accounts; and sweep, to find lost bells and lost events."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--threads", type=int, default=0, help="how many steps of operations at once (default: the setting)"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        expect_fit(self)
        stop = threading.Event()

        def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
            stop.set()

        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, ask_to_stop)
        threads = [
            *bells.threads(stop, options["threads"]),
            threading.Thread(target=sweep.run, args=(stop,), name="sweep"),
        ]
        for thread in threads:
            thread.start()
        self.stdout.write("worker ready")
        self.stdout.flush()
        for thread in threads:
            thread.join()
