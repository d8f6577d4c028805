"""What a project can refuse. Every message is fit for the person at the screen."""


class ProjectError(Exception):
    """A refusal in the manager's words: what is true now and what to do next."""


class NameTaken(ProjectError):
    """Another bucket, or a change under way, has this name."""


class ProjectNotReady(ProjectError):
    """The project's account is not onboarded, or is frozen by staff."""


class OnboardingFailed(ProjectError):
    """The account could not be made fit; the message says what to change."""


class EventsQueueFull(ProjectError):
    """The events queue's policy cannot name another project's topic: SQS limits its length."""


class NotFreezable(ProjectError):
    """Only an active project can be frozen, and only a frozen one thawed."""


class MirrorUnreachable(ProjectError):
    """What stands in the project is not known right now: the mirror does not answer and this process knows nothing."""


class BucketGone(ProjectError):
    """The bucket does not exist any more."""


class BucketBeingDeleted(ProjectError):
    """The bucket is being deleted, so it cannot be changed."""


class NotRemovable(ProjectError):
    """Only a creation that failed and left nothing can be taken off the list."""


class FormUsed(ProjectError):
    """The form's key has made a change elsewhere already."""


class TooManyOpen(ProjectError):
    """So many changes wait or run already that no other one is taken now: of this person, or in the project."""


class NotRetryable(ProjectError):
    """Only a failed operation can be tried again."""


class NotCancellable(ProjectError):
    """Only an operation that has not started can be cancelled."""


class NothingChanged(ProjectError):
    """The form was sent without any change."""
