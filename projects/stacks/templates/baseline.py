"""The account baseline: what every bucket and user of a project's account shares, and the portal's three roles.

The one template with Parameters, so that a customer's administrator can create it from a link. CloudFormation fills
in account and Region; the policies are those of `projects.stacks.policies`.
"""

from typing import Any

from aws.accounts import EVENTS_TOPIC, ROLE_PATH, SERVICE_ROLE, Role
from projects.stacks import policies
from projects.stacks.policies import Place, Policy
from projects.stacks.templates.bucket import OWNER_ENFORCED, PUBLIC_ACCESS_BLOCKED, UPLOADS_ABORTED_AFTER_DAYS
from projects.stacks.templates.document import Template

LOGS_KEPT_DAYS = 400
SESSION_SECONDS = 3600
KEY_ALIAS = "alias/stackport"
PLACE = Place(
    account_id="${AWS::AccountId}",
    region="${AWS::Region}",
    key_arn="${DataKey.Arn}",
    log_bucket="stackport-logs-${AWS::AccountId}-${AWS::Region}-an",
    partition="${AWS::Partition}",
)

_RETAINED = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}


def template(*, portal_account_id: str | None = None) -> Template:
    """Return the baseline; with an account id, whom it trusts is a literal that a forged link cannot change (S6)."""
    trusted = portal_account_id or "${PortalAccountId}"
    resources = {**_key(), **_logs(), **_trail(), **_boundaries(), **_roles(trusted), **_events()}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Stackport: key, logs, roles and events of a project's account.",
        "Parameters": _parameters(literal_portal=portal_account_id is not None),
        "Conditions": {"OwnTrail": {"Fn::Equals": [{"Ref": "Trail"}, "create"]}},
        "Resources": _substituted(resources),
        "Outputs": _outputs(),
    }


def probe() -> Template:
    """Return a stack that does nothing: its events prove the way from an account to the portal."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Stackport: tests that events arrive; deleted at once.",
        "Resources": {"Probe": {"Type": "AWS::SNS::Topic"}},
    }


def _substituted(value: Any) -> Any:
    """Wrap every string that names a pseudo parameter, parameter or resource as `${...}` in Fn::Sub."""
    if isinstance(value, str):
        return {"Fn::Sub": value} if "${" in value else value
    if isinstance(value, dict):
        return {key: _substituted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_substituted(inner) for inner in value]
    return value


def _parameters(*, literal_portal: bool) -> dict[str, Any]:
    portal = {
        "PortalAccountId": {
            "Type": "String",
            "AllowedPattern": "[0-9]{12}",
            "Description": "The AWS account that the portal runs in.",
        }
    }
    return {
        "ExternalId": {
            "Type": "String",
            "NoEcho": True,
            "AllowedPattern": "[0-9a-f]{32,64}",
            "Description": "The secret word of this project, made by the portal. Never use one twice.",
        },
        **({} if literal_portal else portal),
        "EventsQueueArn": {
            "Type": "String",
            "AllowedPattern": "arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}",
            "Description": "The portal's queue, which stack events are sent to.",
        },
        "Trail": {
            "Type": "String",
            "AllowedValues": ["create", "organisation"],
            "Default": "create",
            "Description": "create, or organisation when its trail records object access of this account already.",
        },
    }


def _key() -> dict[str, Any]:
    return {
        "DataKey": {
            "Type": "AWS::KMS::Key",
            **_RETAINED,
            "Properties": {
                "Description": "Stackport: objects, events and the trail of this account.",
                "EnableKeyRotation": True,
                "KeySpec": "SYMMETRIC_DEFAULT",
                "KeyUsage": "ENCRYPT_DECRYPT",
                "PendingWindowInDays": 30,
                "KeyPolicy": policies.data_key(PLACE),
            },
        },
        "DataKeyAlias": {
            "Type": "AWS::KMS::Alias",
            "Properties": {"AliasName": KEY_ALIAS, "TargetKeyId": {"Ref": "DataKey"}},
        },
    }


def _logs() -> dict[str, Any]:
    return {
        "LogBucket": {
            "Type": "AWS::S3::Bucket",
            **_RETAINED,
            "Properties": {
                "BucketName": PLACE.log_bucket,
                "BucketNamespace": "account-regional",
                "PublicAccessBlockConfiguration": dict(PUBLIC_ACCESS_BLOCKED),
                "OwnershipControls": OWNER_ENFORCED,
                # S3 delivers access logs only to a bucket with its own encryption, and a log of the log would grow forever.
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {
                            "ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
                            "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
                        }
                    ]
                },
                "VersioningConfiguration": {"Status": "Enabled"},
                "LifecycleConfiguration": {"Rules": _log_rules()},
            },
        },
        "LogBucketPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            **_RETAINED,
            "Properties": {"Bucket": {"Ref": "LogBucket"}, "PolicyDocument": policies.log_bucket(PLACE)},
        },
    }


def _log_rules() -> list[dict[str, Any]]:
    return [
        {
            "Id": "abort-unfinished-uploads",
            "Status": "Enabled",
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UPLOADS_ABORTED_AFTER_DAYS},
        },
        {"Id": "expire-logs", "Status": "Enabled", "ExpirationInDays": LOGS_KEPT_DAYS},
        {
            "Id": "expire-old-versions",
            "Status": "Enabled",
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
        },
    ]


def _trail() -> dict[str, Any]:
    return {
        "ObjectTrail": {
            "Type": "AWS::CloudTrail::Trail",
            "Condition": "OwnTrail",
            "DependsOn": ["LogBucketPolicy"],
            "Properties": {
                "TrailName": policies.TRAIL,
                "IsLogging": True,
                "IsMultiRegionTrail": True,
                "IncludeGlobalServiceEvents": True,
                "EnableLogFileValidation": True,
                "KMSKeyId": "${DataKey.Arn}",
                "S3BucketName": {"Ref": "LogBucket"},
                "AdvancedEventSelectors": [
                    {
                        "Name": "management",
                        "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}],
                    },
                    {
                        "Name": "objects",
                        "FieldSelectors": [
                            {"Field": "eventCategory", "Equals": ["Data"]},
                            {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
                            # The trail's own deliveries would be recorded for ever.
                            {"Field": "resources.ARN", "NotStartsWith": [PLACE.bucket(f"{PLACE.log_bucket}/")]},
                        ],
                    },
                ],
            },
        }
    }


def _boundaries() -> dict[str, Any]:
    return {
        "Boundary": _managed(policies.BOUNDARY, "The most a partner's user may do.", policies.boundary(PLACE)),
        "RoleBoundary": _managed(
            policies.ROLE_BOUNDARY, "The most a role of the portal may do.", policies.role_boundary(PLACE)
        ),
    }


def _managed(name: str, description: str, policy: Policy) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {
            "ManagedPolicyName": name,
            "Path": ROLE_PATH,
            "Description": f"Stackport: {description}",
            "PolicyDocument": policy,
        },
    }


def _roles(trusted: str) -> dict[str, Any]:
    trust = policies.trusts_portal(f"arn:{PLACE.partition}:iam::{trusted}:root", "${ExternalId}")
    return {
        "ServiceRole": _role(
            SERVICE_ROLE,
            "CloudFormation works with this role on the portal's stacks.",
            policies.trusts_cloudformation(PLACE),
            policies.service_role(PLACE),
        ),
        "ReadRole": _role(
            Role.READ.value, "The portal reads stacks and configuration.", trust, policies.read_role(PLACE)
        ),
        "DeployRole": _role(
            Role.DEPLOY.value, "The portal's workers operate its stacks.", trust, policies.deploy_role(PLACE)
        ),
        "KeysRole": _role(
            Role.KEYS.value, "The portal makes and stops keys of its own users.", trust, policies.keys_role(PLACE)
        ),
    }


def _role(name: str, description: str, trust: Policy, policy: Policy) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": name,
            "Path": ROLE_PATH,
            "Description": description,
            "MaxSessionDuration": SESSION_SECONDS,
            "AssumeRolePolicyDocument": trust,
            "Policies": [{"PolicyName": name, "PolicyDocument": policy}],
        },
    }


def _events() -> dict[str, Any]:
    return {
        "EventsTopic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {
                "TopicName": EVENTS_TOPIC,
                "KmsMasterKeyId": {"Ref": "DataKey"},
                "SignatureVersion": "2",
            },
        },
        "EventsTopicPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [{"Ref": "EventsTopic"}],
                "PolicyDocument": policies.events_topic(PLACE),
            },
        },
        "EventsSubscription": {
            "Type": "AWS::SNS::Subscription",
            "DependsOn": ["EventsTopicPolicy"],
            "Properties": {
                "TopicArn": {"Ref": "EventsTopic"},
                "Protocol": "sqs",
                "Endpoint": {"Ref": "EventsQueueArn"},
                # The envelope tells the topic; without it the portal cannot know whose event it is (S5).
                "RawMessageDelivery": False,
            },
        },
    }


def _outputs() -> dict[str, Any]:
    """Return what `baseline.BaselineOutputs` reads."""
    values = {
        "KeyArn": {"Fn::GetAtt": ["DataKey", "Arn"]},
        "LogBucketName": {"Ref": "LogBucket"},
        "EventsTopicArn": {"Ref": "EventsTopic"},
        "ServiceRoleArn": {"Fn::GetAtt": ["ServiceRole", "Arn"]},
        "ReadRoleArn": {"Fn::GetAtt": ["ReadRole", "Arn"]},
        "DeployRoleArn": {"Fn::GetAtt": ["DeployRole", "Arn"]},
        "KeysRoleArn": {"Fn::GetAtt": ["KeysRole", "Arn"]},
        "BoundaryArn": {"Ref": "Boundary"},
        "RoleBoundaryArn": {"Ref": "RoleBoundary"},
    }
    return {name: {"Value": value} for name, value in values.items()}
