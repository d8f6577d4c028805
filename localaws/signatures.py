"""Check AWS Signature Version 4 of a request. Source: "Create a signed AWS API request" of the IAM guide."""

import hashlib
import hmac
import re
from functools import lru_cache
from urllib.parse import quote

from localaws.requests import Incoming

_SKIPPED = {"X-Amz-Signature"}


def is_right(request: Incoming, secret: str) -> bool:
    """Tell whether the request was signed with this secret."""
    amz_date = request.query["X-Amz-Date"][0] if request.presigned else request.environ.get("HTTP_X_AMZ_DATE", "")
    scope = f"{request.date}/{request.region}/{request.service}/aws4_request"
    canonical = hashlib.sha256(_canonical(request).encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{amz_date}\n{scope}\n{canonical}"
    wanted = hmac.new(_key(secret, request.date, request.region, request.service), text.encode(), hashlib.sha256)
    return hmac.compare_digest(wanted.hexdigest(), request.signature)


@lru_cache(maxsize=512)
def _key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _canonical(request: Incoming) -> str:
    path = quote(request.path, safe="/~-_.")
    if not request.is_s3 and request.service != "s3":
        path = quote(path, safe="/~-_.")
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, values in request.query.items()
        if name not in _SKIPPED
        for value in values
    )
    headers = "".join(f"{name}:{_header(request, name)}\n" for name in request.signed_headers)
    return "\n".join(
        [
            request.environ["REQUEST_METHOD"],
            path or "/",
            "&".join(f"{name}={value}" for name, value in pairs),
            headers,
            ";".join(request.signed_headers),
            _payload(request),
        ]
    )


def _header(request: Incoming, name: str) -> str:
    key = name.upper().replace("-", "_")
    value = request.environ.get(key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}", "")
    return re.sub(r" +", " ", str(value).strip())


def _payload(request: Incoming) -> str:
    told = request.environ.get("HTTP_X_AMZ_CONTENT_SHA256")
    if request.presigned:
        return told or "UNSIGNED-PAYLOAD"
    # S3 lets a client leave the body out of the signature, or sign it in pieces.
    return str(told) if told else hashlib.sha256(request.body).hexdigest()
