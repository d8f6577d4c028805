"""The policies of a project's account: what CloudFormation, the portal's roles and later partners' users may do (S2).
`home` has the portal's own account.

Pure functions of a `Place`. The baseline template calls them with CloudFormation's pseudo parameters, the self-test
and the tests with literals, so what is tested is what is deployed.
"""

from projects.stacks.policies.boundaries import boundary, role_boundary
from projects.stacks.policies.home import Home, portal_identity
from projects.stacks.policies.place import BOUNDARY, PATH, ROLE_BOUNDARY, TRAIL, Place
from projects.stacks.policies.portal import STACK_TYPES, deploy_role, keys_role, read_role
from projects.stacks.policies.resources import data_key, events_topic, log_bucket
from projects.stacks.policies.service import service_role
from projects.stacks.policies.statements import Policy, Statement
from projects.stacks.policies.trust import trusts_cloudformation, trusts_portal

__all__ = [
    "BOUNDARY",
    "PATH",
    "ROLE_BOUNDARY",
    "STACK_TYPES",
    "TRAIL",
    "Home",
    "Place",
    "Policy",
    "Statement",
    "boundary",
    "data_key",
    "deploy_role",
    "events_topic",
    "keys_role",
    "log_bucket",
    "portal_identity",
    "read_role",
    "role_boundary",
    "service_role",
    "trusts_cloudformation",
    "trusts_portal",
]
