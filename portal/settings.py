"""The portal's settings, all read from the environment (see the names below).

Follows docs.djangoproject.com/en/5.2/ref/settings/. AWS itself is configured by boto3's own variables
(AWS_ENDPOINT_URL, AWS_DEFAULT_REGION, credentials): no name here says where AWS is.
"""

import os
import secrets
from pathlib import Path

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from portal import environment as env
from portal import logs

BASE_DIR = Path(__file__).resolve().parent.parent

# -- What kind of installation ------------------------------------------------------------------------------------
# STACKPORT_STATE: folder of the embedded database and of files that must survive a restart.
STATE_DIR = Path(env.text("STACKPORT_STATE", "var")).resolve()
# STACKPORT_DEMO: demo people may sign in; refused unless AWS is on this machine (portal/checks.py).
DEMO = env.flag("STACKPORT_DEMO")
# STACKPORT_ENVIRONMENT: the label that every page shows, such as Test or Production.
ENVIRONMENT_LABEL = env.text("STACKPORT_ENVIRONMENT", "Demo" if DEMO else "Production")
DEBUG = env.flag("STACKPORT_DEBUG")
# STACKPORT_TIME_ZONE: the zone of every time on a page.
TIME_ZONE = env.zone("STACKPORT_TIME_ZONE", "UTC")

SECRET_KEY = env.text("STACKPORT_SECRET_KEY", "", hint="It needs 50 random characters.")
SECRET_KEY_FALLBACKS = env.words("STACKPORT_SECRET_KEY_FALLBACKS")
if not SECRET_KEY:
    # Commands that serve nobody (check, migrate, makemigrations) may run without a key; `serve` and `work` may not
    # (portal/checks.py).
    SECRET_KEY = "unset-" + secrets.token_urlsafe(50)

# -- Where it is reached ------------------------------------------------------------------------------------------
# STACKPORT_ORIGINS: full origins, the exact list for pages and sockets.
STACKPORT_ORIGINS = env.origins("STACKPORT_ORIGINS", ["http://127.0.0.1:8000", "http://localhost:8000"])
ALLOWED_HOSTS = sorted({env.host_of(origin) for origin in STACKPORT_ORIGINS})
CSRF_TRUSTED_ORIGINS = STACKPORT_ORIGINS
# Links in mails begin with the first origin, never with what a request claims as its Host (S19).
PUBLIC_BASE_URL = STACKPORT_ORIGINS[0]
# STACKPORT_STAFF_CONTACT: whom people ask who cannot sign in, such as an address or an extension.
STAFF_CONTACT = env.text("STACKPORT_STAFF_CONTACT", "the staff of this portal")
# STACKPORT_PROXIES: how many proxies in front add to X-Forwarded-For; the address that the first of them saw is the
# client's, for the limits on signing in and for the log. With 0 that header is not believed. Too many is as bad as too
# few: then whoever asks names their own address.
ALLAUTH_TRUSTED_PROXY_COUNT = env.count("STACKPORT_PROXIES", 0)
ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"
_SECURE = all(origin.startswith("https://") for origin in STACKPORT_ORIGINS)

# -- AWS ----------------------------------------------------------------------------------------------------------
# AWS_DEFAULT_REGION is boto3's; it is the Region of the portal's own queues and tables.
AWS_REGION = env.text("AWS_DEFAULT_REGION", "eu-west-1", pattern=r"[a-z]{2}(-[a-z]+)+-\d", hint="Such as eu-west-1.")
os.environ.setdefault("AWS_DEFAULT_REGION", AWS_REGION)  # boto3 has none of its own, and both must mean the same
STACKPORT_EVENTS_QUEUE = env.text("STACKPORT_EVENTS_QUEUE", "stackport-stack-events")
STACKPORT_OPERATIONS_QUEUE = env.text("STACKPORT_OPERATIONS_QUEUE", "stackport-operations")
# STACKPORT_READINGS_QUEUE: what workers only read, so that no operation waits behind it.
STACKPORT_READINGS_QUEUE = env.text("STACKPORT_READINGS_QUEUE", "stackport-readings")
STACKPORT_DEAD_LETTER_QUEUE = env.text("STACKPORT_DEAD_LETTER_QUEUE", "stackport-dead-letters")
STACKPORT_CACHE_TABLE = env.text("STACKPORT_CACHE_TABLE", "stackport-cache")
STACKPORT_MIRROR_TABLE = env.text("STACKPORT_MIRROR_TABLE", "stackport-mirror")
# STACKPORT_TEMPLATE_BUCKET: private bucket of the portal's account for the published baseline template and exports.
STACKPORT_TEMPLATE_BUCKET = env.text("STACKPORT_TEMPLATE_BUCKET", "stackport-private")
# STACKPORT_ACCOUNT_MAIL_DOMAIN: vended accounts get aws+<slug>@<domain> as their root address.
STACKPORT_ACCOUNT_MAIL_DOMAIN = env.text("STACKPORT_ACCOUNT_MAIL_DOMAIN", "example.com")
# STACKPORT_RATE_SCALE: factor on the call rates per account (1 suits AWS; the local AWS has no limits).
STACKPORT_RATE_SCALE = env.number("STACKPORT_RATE_SCALE", 1, least=0.01)
# STACKPORT_SWEEP_SECONDS: how often lost bells are rung again and running stacks read again.
STACKPORT_SWEEP_SECONDS = env.number("STACKPORT_SWEEP_SECONDS", 15, least=0.2)
# STACKPORT_RECONCILE_SECONDS: how often a project's stacks are compared with CloudFormation as a whole.
STACKPORT_RECONCILE_SECONDS = env.number("STACKPORT_RECONCILE_SECONDS", 3600, least=1)
# STACKPORT_LOOK_AGAIN_SCALE: factor on the delays before a worker looks again (0 in tests: at once).
STACKPORT_LOOK_AGAIN_SCALE = env.number("STACKPORT_LOOK_AGAIN_SCALE", 1)
# STACKPORT_LEASE_SECONDS: after so long without a word a worker counts as dead and its step is repeated.
STACKPORT_LEASE_SECONDS = env.number("STACKPORT_LEASE_SECONDS", 60, least=1)
# STACKPORT_OPEN_PER_PERSON, STACKPORT_OPEN_PER_PROJECT: how many changes of a project may wait or run at a time.
STACKPORT_OPEN_PER_PERSON = env.count("STACKPORT_OPEN_PER_PERSON", 50, least=1)
STACKPORT_OPEN_PER_PROJECT = env.count("STACKPORT_OPEN_PER_PROJECT", 200, least=1)
# STACKPORT_WORKER_THREADS: how many steps of operations a worker takes at once; one thread more only reads.
STACKPORT_WORKER_THREADS = int(env.number("STACKPORT_WORKER_THREADS", 4, least=1))

# -- Applications -------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "portal",
    "people",
    "projects",
    "notifications",
    "dynamodb_cache",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "channels",
    "allauth",
    "allauth.account",
    "csp",
    "django_htmx",
    "django_structlog",
    "rules",
    "storages",
    "template_partials",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.caching.PresentPages",
    "portal.news.NewsAge",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",  # above whatever answers by itself, as the two around it
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "portal.health.Probes",  # below what sets headers, above whatever looks at the Host
    "projects.stacks.ahead.ReadAhead",  # above whatever reads the session
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.sessions.SignInRequired",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "portal.outages.OutageMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.installation",
            ],
            "builtins": ["template_partials.templatetags.partials"],
        },
    }
]
FORM_RENDERER = "portal.renderer.PortalRenderer"

# -- Relational database: people, projects, operations; never resources -------------------------------------------
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": STATE_DIR / "portal.sqlite3",
        "CONN_MAX_AGE": 60,  # the threads that serve pages stay
        # A read-then-write transaction of the default kind fails at once when another process writes.
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- Cache and sessions -------------------------------------------------------------------------------------------
# STACKPORT_DYNAMODB_SECONDS: how long a page waits for an answer, twice, before it goes on without (docs/cache.md).
STACKPORT_DYNAMODB_SECONDS = env.number("STACKPORT_DYNAMODB_SECONDS", 1.5, least=0.1)
STACKPORT_DYNAMODB_ATTEMPTS = 2
_PATIENCE = {"READ_TIMEOUT_SECONDS": STACKPORT_DYNAMODB_SECONDS, "MAX_ATTEMPTS": STACKPORT_DYNAMODB_ATTEMPTS}
CACHES = {
    # Counts tries to sign in, among others: it must never count nothing because DynamoDB does not answer (S24).
    "default": {
        "BACKEND": "dynamodb_cache.DynamoDBCache",
        "LOCATION": STACKPORT_CACHE_TABLE,
        "KEY_PREFIX": "portal",
        "OPTIONS": {"SERIALIZER": "json", **_PATIENCE},
    },
    # Every session stands in the relational database too: without the cache it is read from there. A copy that could not
    # be deleted at a sign-out dies within minutes (people/cached_db.py).
    "sessions": {
        "BACKEND": "dynamodb_cache.DynamoDBCache",
        "LOCATION": STACKPORT_CACHE_TABLE,
        "KEY_PREFIX": "session",
        "OPTIONS": {"SERIALIZER": "json", "FAIL_OPEN": True, **_PATIENCE},
    },
}
DYNAMODB_CACHE_COLLECTIONS = [STACKPORT_MIRROR_TABLE]
SESSION_CACHE_ALIAS = "sessions"
SESSION_ENGINE = "people.cached_db"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _SECURE
SESSION_COOKIE_NAME = "__Host-session" if _SECURE else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if _SECURE else "csrf"  # static/js/forms.js reads it
CSRF_FAILURE_VIEW = "portal.sessions.stale_form"

# -- Live channel -------------------------------------------------------------------------------------------------
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

# -- Files --------------------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    # The published baseline template and exports: private, in the portal's own account.
    "default": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": STACKPORT_TEMPLATE_BUCKET,
            "default_acl": None,
            "querystring_auth": True,
            "querystring_expire": 3600,
            "signature_version": "s3v4",
        },
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
if DEBUG or DEMO:
    # Without collectstatic: files are found where they lie.
    WHITENOISE_USE_FINDERS = True
    WHITENOISE_AUTOREFRESH = DEBUG
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}

# -- People and sign-in -------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "people.Person"
AUTHENTICATION_BACKENDS = [
    "rules.permissions.ObjectPermissionBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ACCOUNT_ADAPTER = "people.adapter.StaffMakesPeople"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # people are made by staff; nobody signs up
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_GET = False
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"

# -- Mail ---------------------------------------------------------------------------------------------------------
# STACKPORT_MAIL_URL: the server that takes mail. Without it there is none, and nobody can reset a forgotten password.
_MAIL = env.mail_server("STACKPORT_MAIL_URL")
MAIL_CONFIGURED = _MAIL is not None
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend" if _MAIL else "django.core.mail.backends.dummy.EmailBackend"
)
if _MAIL:
    EMAIL_HOST, EMAIL_PORT, EMAIL_TIMEOUT = _MAIL.host, _MAIL.port, env.MAIL_SECONDS
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL.user, _MAIL.password
    EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL.starttls, _MAIL.tls
# STACKPORT_MAIL_FROM: the sender of every mail; required with a server.
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.sender("STACKPORT_MAIL_FROM")
if MAIL_CONFIGURED and not DEFAULT_FROM_EMAIL:
    raise ImproperlyConfigured("STACKPORT_MAIL_FROM is not set. Mail needs a sender such as stackport@example.com.")
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # a stranger's address gets no mail, least of all an invitation
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
PASSWORD_RESET_TIMEOUT = 2 * 3600

# -- Security -----------------------------------------------------------------------------------------------------
_SOCKETS = [origin.replace("http", "ws", 1) for origin in STACKPORT_ORIGINS]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],  # Bootstrap's own icons are data URLs inside its style sheet
        "font-src": [SELF],
        "connect-src": [SELF, *_SOCKETS],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
    }
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    name: [] for name in ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
}
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if _SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _SECURE
SECURE_HSTS_PRELOAD = _SECURE
SECURE_SSL_REDIRECT = _SECURE and env.flag("STACKPORT_SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # portal/health.py
# STACKPORT_BEHIND_PROXY: whether a proxy's X-Forwarded-Proto says if a request came over https.
if env.flag("STACKPORT_BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"

# -- Language and time --------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
USE_I18N = True
FORMAT_MODULE_PATH = ["portal.formats"]
USE_TZ = True

# -- Logs: one line an event, JSON unless a person watches ---------------------------------------------------------
LOG_LEVEL = env.text(
    "STACKPORT_LOG_LEVEL", "INFO", pattern="DEBUG|INFO|WARNING|ERROR", hint="DEBUG, INFO, WARNING or ERROR."
)
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False  # it believes any X-Forwarded-For; portal/logs.py binds the address
LOGGING = logs.configuration(LOG_LEVEL, for_a_person=DEMO)

if not DEMO and os.environ.get("STACKPORT_FAULT_CONTROL"):
    raise ImproperlyConfigured("STACKPORT_FAULT_CONTROL is for game days on the local AWS; unset it.")
