"""One account's things are closed to another unless their own policy lets it in, which moto never asks.

Buckets, topics, queues and keys have such a policy; nothing else may be named across accounts at all. A bucket's own
policy may also deny its own account. Source: "Cross-account policy evaluation logic" of the IAM guide.
"""

import json
from typing import Any

from moto.kms.models import kms_backends
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends

from localaws.policies import Request, allowed, explicitly_denied
from localaws.subscriptions import backend_of, queue_of

# They say who somebody is, or are judged elsewhere: a role by its trust, a confirmation by its token.
_OPEN = {"sts:AssumeRole", "sns:ConfirmSubscription", "iam:PassRole"}
_MENDING = {"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"}


def owner(arn: str) -> str | None:
    """Return the account that a thing belongs to; None when it has none or does not exist."""
    parts = arn.split(":", 5)
    if len(parts) != 6:
        return None
    if parts[2] == "s3":
        found = s3_backends.bucket_accounts.get(parts[5].split("/", 1)[0])
        return str(found[1]) if found else None
    return parts[4] if parts[4].isdigit() else None


def objection(account_id: str, asked: Request, *, may_mend: bool) -> str | None:
    """Return why the owner of what is asked for does not allow it; None when it does.

    With `may_mend` a bucket's policy can always be read and replaced, as AWS lets an account's root do.
    """
    if asked.action in _OPEN or asked.action == "s3:CreateBucket":
        return None
    for arn in asked.resources:
        belongs_to = owner(arn)
        if belongs_to is None:
            continue
        foreign = belongs_to != account_id
        policies = _policies(arn) if foreign or arn.startswith("arn:aws:s3:") else []
        one = Request(asked.action, (arn,), asked.context, asked.principals)
        if foreign and not allowed(policies, one):
            return "because no resource-based policy allows it"
        if explicitly_denied(policies, one) and not (may_mend and not foreign and asked.action in _MENDING):
            return "with an explicit deny in a resource-based policy"
    return None


def _policies(arn: str) -> list[str]:
    """Return the policy on a thing, as a list of none or one."""
    _, _, service, region, account_id, name = arn.split(":", 5)
    found: Any = None
    if service == "s3":
        name = name.split("/", 1)[0]
        partition, belongs_to = s3_backends.bucket_accounts[name]
        bucket = s3_backends[belongs_to][partition].buckets.get(name)
        found = bucket.policy if bucket else None
    elif service == "sns":
        topic = backend_of(sns_backends, account_id, region, "topics").get(arn)
        found = topic.policy if topic else None
    elif service == "sqs":
        queue = queue_of(arn)
        found = queue.policy if queue else None
    elif service == "kms" and name.startswith("key/"):
        key = backend_of(kms_backends, account_id, region, "keys").get(name.removeprefix("key/"))
        found = key.policy if key else None
    if not found:
        return []
    if isinstance(found, bytes):
        return [found.decode()]
    return [found if isinstance(found, str) else json.dumps(found)]
