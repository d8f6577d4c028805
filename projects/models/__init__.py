"""Projects, memberships and operations: who may do what, and what was asked. Never resources (DESIGN P11)."""

from projects.models.membership import Membership, Role
from projects.models.operation import Action, Operation, OperationStep, State
from projects.models.project import Project, ProjectState

__all__ = ["Action", "Membership", "Operation", "OperationStep", "Project", "ProjectState", "Role", "State"]
