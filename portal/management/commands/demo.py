"""`manage.py demo`: everything on this machine, with demo data. `make run` calls it."""

import signal
import time
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal import environment as env
from portal.launcher import Launcher, LauncherError, running

LOGINS = """
  ana@example.com     manager of Acme invoices and Harbour logistics
  ben@example.com     manager of Acme invoices
  olga@example.com    owner of both projects
  vera@example.com    viewer of Acme invoices
  sam@example.com     staff, with the admin at /admin/
  Password of all: stackport-demo
"""


class Command(BaseCommand):
    """Starts the local AWS, the web process and a worker; Ctrl-C stops all three."""

    help = "Run the whole portal on a local AWS with demo data. PORT and STACKPORT_STATE can be set."
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        launcher = Launcher(
            state=settings.STATE_DIR,
            port=env.port("PORT", 8000),
            pace_seconds=env.number("STACKPORT_PACE", 0.7),
        )
        stopping = False

        def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
            nonlocal stopping
            stopping = True

        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, ask_to_stop)
        self.stdout.write("Starting the local AWS, the portal and a worker …")
        try:
            with running(launcher):
                self.stdout.write(f"\nStackport is ready: {launcher.address}\n{LOGINS}\n  Ctrl-C stops everything.\n")
                self.stdout.flush()
                while not stopping and launcher.ended() is None:
                    time.sleep(0.3)
                ended = launcher.ended()
        except LauncherError as error:
            raise CommandError(str(error)) from error
        if ended and not stopping:
            raise CommandError(f"{ended} ended. Its last words:\n{launcher.last_words(ended)}")
