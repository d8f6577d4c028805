"""`make bench-cache`: every figure of the cache in one run. Ends with 1 when a promise is missed.

`python -m bench.cache calls` runs one part: calls, pages or collections. Needs the packages of requirements-bench.txt.
"""

import signal
import sys

from bench.cache import peers
from bench.report import Report


def main() -> int:
    """Run every measure against one set of servers."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers end with it
    report = Report()
    with peers.started() as dynamodb:
        # After Django is set up.
        from bench.cache import calls, collections, pages

        for part in (calls, pages, collections):
            if not sys.argv[1:] or part.__name__.rpartition(".")[2] in sys.argv[1:]:
                part.run(dynamodb, report)
    if report.missed:
        print("\nMissed: " + "; ".join(report.missed))
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
