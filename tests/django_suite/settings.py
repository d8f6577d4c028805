"""Settings of the process that runs Django's tests: what Django's own test runner sets, and our cache.

Source: tests/runtests.py and tests/test_sqlite.py of Django's source distribution.
"""

import os

from tests.django_suite.groups import GROUPS

GROUP = os.environ["STACKPORT_DJANGO_SUITE_GROUP"]
OPTIONS = dict(GROUPS[GROUP].options)
CACHES = {
    "default": {
        "BACKEND": "dynamodb_cache.DynamoDBCache",
        "LOCATION": f"django-{GROUP}",
        "OPTIONS": OPTIONS,
    }
}
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "dynamodb_cache",
    "cache",
    "sessions_tests",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
MIGRATION_MODULES = {"auth": None, "contenttypes": None, "sessions": None}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ROOT_URLCONF = "urls"
SECRET_KEY = "tests-only-" + "k" * 50
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
LANGUAGE_CODE = "en"
USE_TZ = False
