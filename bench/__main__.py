"""`make bench`: every figure of docs/performance.md in one run, on the local AWS. Ends with 1 when a promise is missed.

`python -m bench pages` runs one part: live, pages or lists.
"""

import sys

from bench import product
from bench.report import Report


def main() -> int:
    """Run every measure on one running product."""
    report = Report()
    report.title("The machine")
    report.machine()
    with product.started() as launcher:
        # After Django is set up.
        from bench import lists, live, pages

        for part in (pages, live, lists):
            if not sys.argv[1:] or part.__name__.rpartition(".")[2] in sys.argv[1:]:
                part.run(launcher, report)
    if report.missed:
        print("\nMissed: " + "; ".join(report.missed))
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
