"""What the running portal may do in its own account, and which roles it may become in others (S2, DESIGN P10).

For the identity of its web process and workers. Whoever runs `manage.py prepare` or `onboard --vend` needs more, once,
and should be somebody else: making queues and accounts is nothing that a running portal does.
"""

from dataclasses import dataclass

from aws.accounts import EVENTS_TOPIC, ROLE_PATH, Role
from projects.stacks.policies.statements import Policy, actions, allow, document

PUBLISHED = "baseline"  # where the baseline's template lies in the private bucket


@dataclass(frozen=True, slots=True)
class Home:
    """The portal's own account and Region, and what of it is the portal's, by name."""

    account_id: str
    region: str
    cache_table: str
    mirror_table: str
    events_queue: str
    operations_queue: str
    readings_queue: str
    dead_letter_queue: str
    private_bucket: str
    partition: str = "aws"

    def table(self, name: str) -> str:
        """Return a table's ARN."""
        return f"arn:{self.partition}:dynamodb:{self.region}:{self.account_id}:table/{name}"

    def queue(self, name: str) -> str:
        """Return a queue's ARN."""
        return f"arn:{self.partition}:sqs:{self.region}:{self.account_id}:{name}"


def portal_identity(home: Home) -> Policy:
    """Return what the running portal needs: its tables, queues and private bucket by name, and its roles in projects."""
    cache, mirror = home.table(home.cache_table), home.table(home.mirror_table)
    events, dead_letters = home.queue(home.events_queue), home.queue(home.dead_letter_queue)
    worked = (events, home.queue(home.operations_queue), home.queue(home.readings_queue))
    bucket = f"arn:{home.partition}:s3:::{home.private_bucket}"
    roles = [f"arn:{home.partition}:iam::*:role{ROLE_PATH}{role.value}" for role in Role]
    return document(
        allow(
            "Cache",
            actions("dynamodb", "BatchGetItem BatchWriteItem DeleteItem GetItem PutItem UpdateItem"),
            cache,
        ),
        # Transactions have no action of their own: each of their parts needs its own.
        allow(
            "Mirror",
            actions("dynamodb", "ConditionCheckItem DeleteItem GetItem PutItem Query UpdateItem"),
            mirror,
            f"{mirror}/index/*",
        ),
        # A table that was lost is made again.
        allow(
            "MakeLostTables",
            actions("dynamodb", "CreateTable DescribeTable DescribeTimeToLive UpdateTimeToLive"),
            cache,
            mirror,
        ),
        allow(
            "HearAndRing",
            actions("sqs", "ChangeMessageVisibility DeleteMessage ReceiveMessage SendMessage"),
            *worked,
        ),
        allow("Bury", ["sqs:SendMessage"], dead_letters),
        allow("LookAtQueues", actions("sqs", "GetQueueAttributes GetQueueUrl"), *worked, dead_letters),
        # The exact topics of the known projects (S5), when one is onboarded.
        allow("LetTopicsIn", ["sqs:SetQueueAttributes"], events),
        allow("ConfirmTopics", ["sns:ConfirmSubscription"], f"arn:{home.partition}:sns:*:*:{EVENTS_TOPIC}"),
        allow("PublishBaseline", actions("s3", "GetObject PutObject"), f"{bucket}/{PUBLISHED}/*"),
        # Without it S3 says "forbidden" of an object that is not there.
        allow("IsItPublished", ["s3:ListBucket"], bucket),
        # Not with the ExternalId as a condition: the self-test must find out that the roles themselves ask for it (S6).
        allow("BecomeItsRoles", actions("sts", "AssumeRole SetSourceIdentity"), *roles),
    )
