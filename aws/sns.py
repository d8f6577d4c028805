"""SNS: confirm the subscription of the portal's queue to a project's topic."""

from aws import clients
from aws.errors import aws_errors


def confirm_subscription(topic_arn: str, token: str) -> str:
    """Confirm a pending subscription; return its ARN. Source: ConfirmSubscription."""
    region = topic_arn.split(":")[3]
    with aws_errors():
        answer = clients.home("sns", region).confirm_subscription(TopicArn=topic_arn, Token=token)
    return str(answer["SubscriptionArn"])
