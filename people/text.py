"""What may stand in a line that somebody typed and others read: no sign that hides, breaks or turns it.

A name with a sign that reverses the reading direction shows other names than were typed. Source: Unicode TR 36.
"""

import unicodedata

_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_CATEGORIES = frozenset({"Cc", "Cs", "Cn", "Zl", "Zp"})
HIDDEN_WORDS = "Line breaks, control characters and signs that turn the reading direction are not possible here."


def has_hidden_signs(text: str) -> bool:
    """Tell whether a text holds control characters, line breaks or signs that reverse its reading direction."""
    return any(letter in _TURNING or unicodedata.category(letter) in _CATEGORIES for letter in text)
