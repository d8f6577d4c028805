"""Every step of every kind of operation, by what must happen for an operation to come to it."""

from projects.models import Action

WAYS = {
    Action.CREATE: ("submit", "build", "protect", "verify"),
    Action.CHANGE: ("compare", "look", "build", "verify"),
    Action.DELETE: ("count", "mark", "marklook", "markbuild", "recount", "unprotect", "remove", "removing"),
}
# What is taken back when a name turns out to be taken, and when an object arrives during a deletion.
WAYS_BACK = {
    Action.CREATE: ("remove", "removing"),
    Action.DELETE: ("unmark", "unmarklook", "unmarkbuild"),
}
# What is done when AWS refuses the last step of a deletion.
REFUSED = {Action.DELETE: ("protect",)}
