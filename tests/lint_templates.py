"""`python -m tests.lint_templates`: cfn-lint of every file that `manage.py render_templates` writes.

One process, because loading cfn-lint costs more than a template. Information is not a finding: cfn-lint would like
Fn::Sub where AWS's own rules know Fn::Join only.
"""

import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cfnlint import api
from cfnlint.config import ManualArgs
from django.conf import settings
from django.core.management import call_command

from projects.management.commands.render_templates import Command

REGIONS = ["eu-central-1"]


def findings(directory: Path) -> Iterator[str]:
    """Yield what cfn-lint says of each file, errors and warnings."""
    config = ManualArgs(regions=REGIONS)
    for path in sorted(directory.glob("*.json")):
        for match in api.lint(path.read_text(), config=config):
            if not match.rule.id.startswith("I"):
                yield f"{path.name}:{match.linenumber}: {match.rule.id} {match.message}"


def main() -> int:
    """Render, lint, print; 1 when something was found."""
    settings.configure()  # rendering is pure: no app, no database
    with tempfile.TemporaryDirectory() as folder:
        call_command(Command(), folder, stdout=io.StringIO())
        count = len(list(Path(folder).glob("*.json")))
        found = list(findings(Path(folder)))
    for line in found:
        print(line)
    print(f"cfn-lint: {count} templates, {len(found)} findings")
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main())
