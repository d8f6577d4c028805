"""Where a policy holds: one account and Region, with the ARNs that policies name."""

from dataclasses import dataclass

from aws.accounts import BASELINE_STACK, EVENTS_TOPIC, ROLE_PATH, SERVICE_ROLE

PATH = "/stackport/"  # what the portal makes; it can change nothing under the baseline's own path
BOUNDARY = "stackport-boundary"
ROLE_BOUNDARY = "stackport-role-boundary"
TRAIL = "stackport-trail"


@dataclass(frozen=True, slots=True)
class Place:
    """An account and Region, and the ARNs in it that policies name."""

    account_id: str
    region: str
    key_arn: str
    log_bucket: str
    partition: str = "aws"

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        """Return an ARN in this account."""
        return (
            f"arn:{self.partition}:{service}:{self.region if region is None else region}:{self.account_id}:{resource}"
        )

    def iam(self, resource: str) -> str:
        """Return the ARN of an IAM resource."""
        return self.arn("iam", resource, region="")

    def bucket(self, name: str) -> str:
        """Return the ARN of a bucket, or of objects in it."""
        return f"arn:{self.partition}:s3:::{name}"

    @property
    def boundary(self) -> str:
        """The users' permissions boundary."""
        return self.iam(f"policy{ROLE_PATH}{BOUNDARY}")

    @property
    def role_boundary(self) -> str:
        """The roles' permissions boundary."""
        return self.iam(f"policy{ROLE_PATH}{ROLE_BOUNDARY}")

    @property
    def service_role(self) -> str:
        """The role that CloudFormation works with."""
        return self.iam(f"role{ROLE_PATH}{SERVICE_ROLE}")

    @property
    def events_topic(self) -> str:
        """The topic that stacks tell their events."""
        return self.arn("sns", EVENTS_TOPIC)

    @property
    def trail(self) -> str:
        """The trail that records access to objects."""
        return self.arn("cloudtrail", f"trail/{TRAIL}")

    @property
    def any_trail(self) -> str:
        """Every trail that an account may see, of any Region and account."""
        return f"arn:{self.partition}:cloudtrail:*:*:trail/*"

    @property
    def portal_stacks(self) -> str:
        """The stacks that the portal may touch."""
        return self.arn("cloudformation", "stack/portal-*/*")

    @property
    def baseline_stack(self) -> str:
        """The stack that the portal may not touch."""
        return self.arn("cloudformation", f"stack/{BASELINE_STACK}/*")

    @property
    def regional_buckets(self) -> str:
        """Every bucket name of this account's regional namespace; the log bucket is among them."""
        return self.bucket(f"*-{self.account_id}-{self.region}-an")
