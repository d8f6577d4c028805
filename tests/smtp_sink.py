"""A mail server on a loopback port that keeps what it is given; it speaks as much SMTP as smtplib asks (RFC 5321)."""

import atexit
import email
import socketserver
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.message import Message
from functools import cache
from queue import Queue


@dataclass(slots=True)
class Sink:
    """Where it listens and what came."""

    port: int
    mails: Queue[Message] = field(default_factory=Queue)

    @property
    def url(self) -> str:
        """What STACKPORT_MAIL_URL holds to reach it."""
        return f"smtp://127.0.0.1:{self.port}"


@contextmanager
def listening() -> Iterator[Sink]:
    """Take mail for the length of a block."""

    class Session(socketserver.StreamRequestHandler):
        def say(self, words: str) -> None:
            self.wfile.write(f"{words}\r\n".encode())

        def handle(self) -> None:
            self.say("220 sink")
            for line in self.rfile:
                match line.split()[0].upper():
                    case b"DATA":
                        self.say("354 go on")
                        body = b"".join(iter(self.rfile.readline, b".\r\n"))
                        sink.mails.put(email.message_from_bytes(body))
                        self.say("250 kept")
                    case b"QUIT":
                        self.say("221 bye")
                        return
                    case _:
                        self.say("250 well")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.daemon_threads = True
        sink = Sink(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield sink
        server.shutdown()


_open = ExitStack()
atexit.register(_open.close)


@cache
def of_this_process() -> Sink:
    """Return one that listens until the process ends, for the product that browsers drive."""
    return _open.enter_context(listening())
