"""Signals that carry news upward. They are sent with `send`, so a receiver's failure leaves the message in the queue."""

from django.dispatch import Signal

stack_event = Signal()
"""A checked stack event. Arguments: `event` (StackEvent), `topic_arn`."""

malformed = Signal()
"""A trusted topic's message that could not be read. Arguments: `topic_arn`, `stack_id` (str or None)."""
