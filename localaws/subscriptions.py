"""SNS to SQS across accounts: pending until the queue's owner confirms, delivered only where the queue's policy allows.

moto confirms every subscription at once, looks for the queue in the topic's account, and asks no policy.
"""

import json
import secrets
from datetime import UTC, datetime
from typing import Any

from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from localaws.policies import Request, allowed, explicitly_denied

TOKEN = "_localaws_token"  # noqa: S105 - the name of an attribute on moto's subscription


def queue_of(endpoint: str) -> Any | None:
    """Return moto's queue behind a subscription's endpoint, in the queue's own account."""
    parts = endpoint.split(":")
    if len(parts) != 6:
        return None
    return sqs_backends[parts[4]][parts[3]].queues.get(parts[5])


def may_send(topic_arn: str, endpoint: str) -> bool:
    """Tell whether the queue's policy lets SNS send for this topic."""
    queue = queue_of(endpoint)
    policy = queue.policy if queue is not None else None
    texts = [policy if isinstance(policy, str) else json.dumps(policy)] if policy else []
    request = Request(
        "sqs:SendMessage",
        (endpoint,),
        {"aws:SourceArn": topic_arn, "aws:SourceAccount": topic_arn.split(":")[4]},
        frozenset({"sns.amazonaws.com"}),
    )
    return allowed(texts, request) and not explicitly_denied(texts, request)


def hold(subscription: Any) -> None:
    """Make a fresh subscription of another account's queue wait, and ask its owner."""
    topic_arn = subscription.topic_arn
    if subscription.protocol != "sqs" or subscription.endpoint.split(":")[4] == topic_arn.split(":")[4]:
        return
    if hasattr(subscription, TOKEN):
        return
    token = secrets.token_hex(64)
    setattr(subscription, TOKEN, token)
    subscription.attributes["PendingConfirmation"] = True
    if not may_send(topic_arn, subscription.endpoint):
        return
    region, account_id, name = subscription.endpoint.split(":")[3:]
    message = {
        "Type": "SubscriptionConfirmation",
        "MessageId": secrets.token_hex(16),
        "Token": token,
        "TopicArn": topic_arn,
        "Message": f"You have chosen to subscribe to the topic {topic_arn}.\nTo confirm, visit the SubscribeURL.",
        "SubscribeURL": f"http://127.0.0.1/?Action=ConfirmSubscription&TopicArn={topic_arn}&Token={token}",
        "Timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "SignatureVersion": "1",
    }
    sqs_backends[account_id][region].send_message(name, json.dumps(message))


def confirm(topic_arn: str, token: str) -> str | None:
    """Make the subscription that a token belongs to live; return its ARN, None for an unknown token."""
    parts = topic_arn.split(":")
    if len(parts) != 6:
        return None
    for subscription in sns_backends[parts[4]][parts[3]].subscriptions.values():
        if subscription.topic_arn == topic_arn and secrets.compare_digest(getattr(subscription, TOKEN, ""), token):
            subscription.attributes["PendingConfirmation"] = False
            return str(subscription.arn)
    return None
