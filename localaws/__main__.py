"""`python -m localaws --port P --state DIR --pace SECONDS`: serve until SIGTERM or SIGINT."""

import argparse
import json
import logging
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from localaws.server import LocalAWS
from localaws.state import StateRefused


def main() -> int:
    """Serve, and write the last state when asked to stop."""
    parser = argparse.ArgumentParser(prog="localaws", description="AWS on one loopback port.")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--state", type=Path, default=None, help="folder that survives a restart")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds that one resource takes")
    parser.add_argument(
        "--control-token-file", type=Path, default=None, help="default: control-token in the state folder"
    )
    parser.add_argument(
        "--fault",
        type=json.loads,
        action="append",
        default=[],
        help='what goes wrong from the first call on, as a control call names it: \'{"fault": "delay", ...}\'',
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        aws = LocalAWS(arguments.state, pace_seconds=arguments.pace, control_token_file=arguments.control_token_file)
        for fault in arguments.fault:
            aws.faults.control(fault)
        port = aws.start(arguments.port)
    except (StateRefused, OSError) as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, ask_to_stop)
    sys.stdout.write(f"ready http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    stop.wait()
    aws.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
