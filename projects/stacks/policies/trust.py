"""Who may become the roles of a project's account."""

from projects.stacks.policies.place import Place
from projects.stacks.policies.statements import Policy, document


def trusts_portal(portal_root: str, external_id: str) -> Policy:
    """Return the trust of a portal role: the portal's account, with this project's ExternalId (S6)."""
    portal = {"AWS": portal_root}
    return document(
        {
            "Sid": "PortalWithExternalId",
            "Effect": "Allow",
            "Principal": portal,
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
        },
        # The member's name for CloudTrail. It opens nothing without sts:AssumeRole.
        {"Sid": "NamesTheMember", "Effect": "Allow", "Principal": portal, "Action": "sts:SetSourceIdentity"},
    )


def trusts_cloudformation(place: Place) -> Policy:
    """Return the trust of the service role: CloudFormation, for stacks of this account only."""
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudformation.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": place.account_id}},
        }
    )
