"""`python -m portal.child PID COMMAND...`: become a command that is asked to stop when process PID ends.

A launcher that is killed can stop nobody, and what it leaves behind would work on beside the next one. Linux sends the
signal itself (prctl(2), PR_SET_PDEATHSIG; it outlives execve); elsewhere such children stay until they are stopped.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for the signal, then give way to the command."""
    launcher, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(launcher):
        sys.exit("The launcher ended before this could start.")
    os.execv(command[0], command)  # noqa: S606 - our own interpreter and commands


if __name__ == "__main__":
    main()
