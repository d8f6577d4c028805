"""Begin to read a project's mirror while the session is still being read: a page waits for DynamoDB once, not twice.

Who asks, and whether the project is theirs, is found out as ever, and only then is the answer looked at. It is begun
only where the same browser was let into the same project before: nobody else makes us read anything, or could tell a
project that there is from one that is not by the time an answer takes.
"""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from threading import Lock

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from dynamodb_cache.collections import Partition, Snapshot

THREADS = 8
LET_IN_AT_MOST = 2_000

_readers = ThreadPoolExecutor(THREADS, thread_name_prefix="ahead")
_let_in: OrderedDict[int, Partition] = OrderedDict()
_lock = Lock()
_begun: ContextVar[tuple[Partition, Future[Snapshot]] | None] = ContextVar("begun", default=None)


class ReadAhead:
    """Middleware, outside of the session's: begins the reading for pages that show a project's buckets."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        partition = _let_in.get(_visit(request)) if _shows_buckets(request) else None
        if partition is None:
            return self._get_response(request)
        token = _begun.set((partition, _readers.submit(partition.snapshot)))
        try:
            return self._get_response(request)
        finally:
            _begun.reset(token)


def remember(request: HttpRequest, partition: Partition) -> None:
    """Note that this browser was let into the project of this address."""
    visit = _visit(request)
    with _lock:
        _let_in[visit] = partition
        _let_in.move_to_end(visit)
        if len(_let_in) > LET_IN_AT_MOST:
            _let_in.popitem(last=False)


def snapshot(partition: Partition) -> Snapshot:
    """Return a partition's rows as they stand in this request. Raises what `Partition.snapshot` does."""
    begun = _begun.get()
    if begun is None:
        return partition.snapshot()
    _begun.set(None)  # who looks twice in one request wants to see what happened between
    known, answer = begun
    if known != partition or answer.cancel():  # another project's by now, or no thread was free
        return partition.snapshot()
    return answer.result()


def _visit(request: HttpRequest) -> int:
    """Return what stands for a browser in a project: not the session's key, which opens doors."""
    return hash((request.COOKIES.get(settings.SESSION_COOKIE_NAME), _parts(request)[:2]))


def _shows_buckets(request: HttpRequest) -> bool:
    match _parts(request):
        case ("projects", _, "") | ("projects", _, "buckets", *_):
            return request.method == "GET"
    return False


def _parts(request: HttpRequest) -> tuple[str, ...]:
    return tuple(request.path_info.split("/")[1:])
