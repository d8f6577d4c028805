"""Settings of the tests: the product's own, with a key, a file database and plain password hashing."""

import os
import tempfile

# Before the product's settings read the environment.
os.environ["STACKPORT_SECRET_KEY"] = "tests-only-" + "k" * 50
os.environ["STACKPORT_STATE"] = os.environ.get("STACKPORT_TEST_STATE") or tempfile.mkdtemp(prefix="stackport-tests-")
os.environ["STACKPORT_ORIGINS"] = "http://testserver,http://127.0.0.1:8000"
os.environ["STACKPORT_RATE_SCALE"] = "1000"
os.environ["STACKPORT_DYNAMODB_SECONDS"] = "20"  # the local AWS shares a core with the tests
os.environ["STACKPORT_LOOK_AGAIN_SCALE"] = "0"
os.environ["STACKPORT_ENVIRONMENT"] = "Test"
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
for name in ("STACKPORT_DEMO", "STACKPORT_DEBUG", "AWS_PROFILE"):
    os.environ.pop(name, None)

from portal.settings import *  # noqa: E402, F403 - a settings module is the one place for it

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
WHITENOISE_AUTOREFRESH = True
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# A file, so that several threads of a test see the same rows.
DATABASES["default"]["TEST"] = {"NAME": STATE_DIR / "tests.sqlite3"}  # noqa: F405
