"""Which bucket names AWS keeps for itself. Source: "General purpose bucket naming rules" in the S3 user guide."""

_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
KEPT_BY_AWS = "AWS keeps names that begin like this for itself."


def is_kept_by_aws(name: str) -> bool:
    """Tell whether S3 refuses a bucket's name, or the beginning of names, because AWS uses it."""
    return name.startswith(_PREFIXES)
