"""SNS to SQS across accounts: pending until the queue's owner confirms, delivered only where the queue's policy allows.

moto confirms every subscription at once, looks for the queue in the topic's account, and asks no policy.
"""

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from localaws.policies import Request, allowed, explicitly_denied
from localaws.signing import signer

TOKEN = "_localaws_token"  # noqa: S105 - the name of an attribute on moto's subscription


def backend_of(backends: Any, account_id: str, region: str, store: str) -> Mapping[str, Any]:
    """Return what moto keeps of one kind in an account and Region; nothing for a Region that does not exist."""
    try:
        found: Mapping[str, Any] = getattr(backends[account_id][region], store)
    except KeyError:
        return {}
    return found


def queue_of(endpoint: str) -> Any | None:
    """Return moto's queue behind a subscription's endpoint, in the queue's own account."""
    parts = endpoint.split(":")
    return backend_of(sqs_backends, parts[4], parts[3], "queues").get(parts[5]) if len(parts) == 6 else None


def may_send(topic_arn: str, endpoint: str) -> bool:
    """Tell whether the queue's policy lets SNS send for this topic."""
    queue = queue_of(endpoint)
    policy = queue.policy if queue is not None else None
    texts = [policy if isinstance(policy, str) else json.dumps(policy)] if policy else []
    request = Request(
        "sqs:SendMessage",
        (endpoint,),
        {
            "aws:SourceArn": topic_arn,
            "aws:SourceAccount": topic_arn.split(":")[4],
            "aws:PrincipalIsAWSService": "true",
            "aws:SecureTransport": "true",
        },
        frozenset({"sns.amazonaws.com"}),
    )
    return allowed(texts, request) and not explicitly_denied(texts, request)


def hold(subscription: Any) -> None:
    """Make a subscription of another account's queue wait, and ask its owner; asked anew each time it is subscribed."""
    topic_arn = subscription.topic_arn
    if subscription.protocol != "sqs" or subscription.endpoint.split(":")[4] == topic_arn.split(":")[4]:
        return
    if not hasattr(subscription, TOKEN):
        setattr(subscription, TOKEN, secrets.token_hex(64))
        subscription.attributes["PendingConfirmation"] = True
    if subscription.attributes["PendingConfirmation"] is not True or not may_send(topic_arn, subscription.endpoint):
        return
    region, account_id, name = subscription.endpoint.split(":")[3:]
    message = signer().signed(_confirmation(topic_arn, getattr(subscription, TOKEN)))
    sqs_backends[account_id][region].send_message(name, json.dumps(message))


def _confirmation(topic_arn: str, token: str) -> dict[str, str]:
    return {
        "Type": "SubscriptionConfirmation",
        "MessageId": secrets.token_hex(16),
        "Token": token,
        "TopicArn": topic_arn,
        "Message": f"You have chosen to subscribe to the topic {topic_arn}.\nTo confirm, visit the SubscribeURL.",
        "SubscribeURL": f"http://127.0.0.1/?Action=ConfirmSubscription&TopicArn={topic_arn}&Token={token}",
        "Timestamp": _now(),
    }


def notification(topic_arn: str, message: str, message_id: str, subject: str | None) -> dict[str, str]:
    """Return the signed envelope of a message."""
    held = {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": topic_arn,
        "Message": message,
        "Timestamp": _now(),
    }
    return signer().signed({**held, "Subject": subject} if subject else held)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def confirm(topic_arn: str, token: str) -> str | None:
    """Make the subscription that a token belongs to live; return its ARN, None for an unknown token."""
    parts = topic_arn.split(":")
    if len(parts) != 6 or not token:
        return None
    for subscription in list(backend_of(sns_backends, parts[4], parts[3], "subscriptions").values()):
        held = getattr(subscription, TOKEN, "")
        if subscription.topic_arn == topic_arn and secrets.compare_digest(held.encode(), token.encode()):
            subscription.attributes["PendingConfirmation"] = False
            return str(subscription.arn)
    return None
