"""`python -m tests.deploy_check`: Django's deployment checks with the settings of a real installation."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "STACKPORT_SECRET_KEY": "".join(chr(33 + i * 7 % 90) for i in range(60)),
        "STACKPORT_ORIGINS": "https://portal.example.com",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    os.environ.pop("STACKPORT_DEMO", None)
    execute_from_command_line([sys.argv[0], "check", "--deploy", "--fail-level", "WARNING"])
