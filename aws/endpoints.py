"""Where the calls of each AWS service go, as boto3 itself reads it: environment, configuration files and profile.

Makes clients but no call; their credentials are made up, so that none are looked for over the network. Source: "Service-
specific endpoints" of the AWS SDKs and Tools reference guide.
"""

import boto3
from botocore.exceptions import BotoCoreError

from aws.errors import AWSError

# All that the portal uses: in its own account and, through its roles, in those of projects.
SERVICES = (
    "cloudformation",
    "cloudtrail",
    "dynamodb",
    "iam",
    "organizations",
    "s3",
    "s3control",
    "sns",
    "sqs",
    "sts",
)
_NOBODY = "nobody"


def by_service() -> dict[str, str]:
    """Return the address of each service. Raises AWSError when boto3's configuration cannot be used."""
    try:
        session = boto3.session.Session(aws_access_key_id=_NOBODY, aws_secret_access_key=_NOBODY)
        return {name: session.client(name).meta.endpoint_url for name in SERVICES}  # type: ignore[call-overload]
    except (BotoCoreError, ValueError) as error:
        raise AWSError(str(error)) from error
