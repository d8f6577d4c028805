"""`manage.py serve`: the web process. daphne answers pages and sockets; the intake listens to AWS in a thread.

daphne has no start hook but `ready_callable` (it knows no ASGI lifespan); it runs on daphne's own loop, which the
intake needs to push onto: a push from another loop reaches browsers up to 0.8 s late.
"""

import asyncio
import threading
from typing import Any

from daphne.server import Server
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from aws import sqs
from notifications import push
from notifications.intake import Intake
from portal.checks import expect_fit
from portal.threads import leave_within

LAST_SECONDS = 5  # for what is under way when the process is asked to end


class Command(BaseCommand):
    """Listens on loopback only, unless --host says otherwise (behind a proxy in a container)."""

    help = "Run the web process: pages, live channel and the intake of AWS's notifications."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--host", default="127.0.0.1")

    def handle(self, *_args: Any, **options: Any) -> None:
        from portal.asgi import application

        expect_fit(self)
        stop = threading.Event()
        intake = Intake(sqs.queue(settings.STACKPORT_EVENTS_QUEUE), sqs.queue(settings.STACKPORT_DEAD_LETTER_QUEUE))
        listening = threading.Thread(target=intake.run, args=(stop,), name="intake", daemon=True)

        def ready() -> None:
            push.bind(asyncio.get_event_loop())
            listening.start()
            self.stdout.write(f"web ready on port {options['port']}")

        Server(
            application=application,
            endpoints=[f"tcp:port={options['port']}:interface={options['host']}"],
            ready_callable=ready,
            server_name="stackport",
            http_timeout=60,
        ).run()
        leave_within(LAST_SECONDS)
        stop.set()
        listening.join(timeout=3)
