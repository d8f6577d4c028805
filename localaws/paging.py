"""Pages of a hundred with an opaque token, as AWS gives them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

from localaws.errors import ValidationError

PAGE = 100
Row = TypeVar("Row")


def page(rows: Sequence[Row], key: Callable[[Row], str], token: str | None) -> tuple[list[Row], str | None]:
    """Return one page of rows and the token of the next.

    The token names the last row seen, so that rows added in front of it meanwhile do not shift the pages.
    Raises ValidationError.
    """
    start = 0
    if token:
        last = _decoded(token)
        start = next((index + 1 for index, row in enumerate(rows) if key(row) == last), -1)
        if start < 0:
            raise ValidationError("Invalid NextToken")
    chosen = list(rows[start : start + PAGE])
    more = len(rows) > start + PAGE
    return chosen, base64.urlsafe_b64encode(key(chosen[-1]).encode()).decode() if more else None


def _decoded(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, UnicodeError) as error:
        raise ValidationError("Invalid NextToken") from error
