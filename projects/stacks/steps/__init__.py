"""What a worker does for an operation: one short step a message, each safe to repeat (DESIGN P4).

A step reads the row and the stack, makes at most a few calls and says what comes next; it never waits for a stack.
Names and tokens are in the row before each call, so a worker that dies between call and answer loses nothing.
"""

from projects.models import Action
from projects.stacks.steps import change, create, delete
from projects.stacks.steps.outcomes import Step

STEPS: dict[str, dict[str, Step]] = {
    Action.CREATE: create.STEPS,
    Action.CHANGE: change.STEPS,
    Action.DELETE: delete.STEPS,
}

WORDS = {
    "asked": "Asked for",
    "submit": "Sent to CloudFormation",
    "build": "CloudFormation at work",
    "protect": "Protected against deletion",
    "verify": "Protection read back from S3",
    "remove": "Removal started",
    "removing": "Being removed",
    "compare": "Compared with what stands now",
    "look": "Change checked",
    "count": "Checked to be empty",
    "mark": "Marked for deletion",
    "marklook": "Mark checked",
    "markbuild": "Mark set",
    "recount": "Checked to be empty once more",
    "unprotect": "Deletion protection taken off",
    "unmark": "Mark taken back",
    "unmarklook": "Taking back checked",
    "unmarkbuild": "Mark removed",
}


def first_step(action: str) -> str:
    """Return the name of an action's first step."""
    return next(iter(STEPS[action]))
