"""What can be wrong with a message."""


class NotificationError(Exception):
    """A message that is not acted upon."""


class UntrustedMessage(NotificationError):
    """Not from where it should be: unknown topic, another account's stack, raw delivery, a bad signature."""


class MalformedEvent(NotificationError):
    """A trusted topic's message that is no stack event we can read; `stack_id` is its first line's, if that is one."""

    def __init__(self, message: str, stack_id: str | None = None) -> None:
        super().__init__(message)
        self.stack_id = stack_id
