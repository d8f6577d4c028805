"""What pages show of buckets: mirrored stack and latest operation in one, and a page of a list.

Costs one small DynamoDB read when nothing changed, whatever the number of buckets (DESIGN P6, P15).
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db.models import Max, OuterRef, Q, Subquery

from dynamodb_cache.collections import Snapshot
from people.models import Person
from projects import live, owners
from projects.models import Action, Operation, Project, State
from projects.models.operation import OPEN_STATES
from projects.stacks import index, mirror
from projects.stacks.mirror import MirroredStack
from projects.stacks.naming import label_of
from projects.stacks.spec import BucketSpec

PAGE_SIZE = 50
PAGE_DIGITS = 5
PROJECTS_HELD = 256
STATES = {"ready": "Ready", "busy": "At work", "failed": "Failed"}
NOBODY: Mapping[str, str] = {}
_DOING = {Action.CREATE: "being created", Action.CHANGE: "being changed", Action.DELETE: "being deleted"}
_YOUR_DOING = {
    Action.CREATE: ("You have been creating this", "Your creation waits its turn"),
    Action.CHANGE: ("You have been changing this", "Your change waits its turn"),
    Action.DELETE: ("You have been deleting this", "Your deletion waits its turn"),
}


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket as pages show it: its stack when there is one, and the latest change that somebody asked for."""

    name: str
    stack: MirroredStack | None
    operation: Operation | None
    operation_version: int = 0
    deletion: Operation | None = None  # that was asked for and has not settled, whether it runs or waits
    as_of: float | None = None  # set while the mirror does not answer: when this was true
    people: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)  # names by address
    viewer: Person | None = None  # who is told "you"; nobody where what is rendered is kept for all, as rows are

    @property
    def spec(self) -> BucketSpec | None:
        """What stands; while nothing stands yet, what was asked for."""
        if self.stack and self.stack.spec:
            return self.stack.spec
        if self.operation and self.operation.after:
            return BucketSpec.from_document(self.operation.after)
        return None

    @property
    def label(self) -> str:
        """The short name, also while only the stack's name is known."""
        return self.spec.label if self.spec else label_of(self.name)

    @property
    def owner(self) -> str:
        """The owner's name where it is a member; else the address."""
        return (self.people.get(self.spec.owner) or self.spec.owner) if self.spec else ""

    @property
    def version(self) -> int:
        """What open pages compare."""
        return live.bucket_version(self.stack, self.operation_version)

    @property
    def item(self) -> str:
        """Its name among live items."""
        return live.bucket_item(self.name)

    @property
    def running(self) -> Operation | None:
        """The change under way, or waiting for its turn."""
        return self.operation if self.operation and self.operation.is_open else None

    @property
    def tone(self) -> str:
        """How it is shown: ready, busy or failed."""
        if self.running:
            return "busy"
        if self.stack is None:
            return "failed"
        return self.stack.status.tone

    @property
    def words(self) -> str:
        """Its state in words."""
        if self.running:
            doing = _DOING[Action(self.running.action)]
            return f"Waiting, then {doing}" if self.running.state == State.WAITING else doing.capitalize()
        if self.stack is None:
            return "Creation failed"
        return self.stack.status.words

    @property
    def running_words(self) -> str:
        """Who does what to it right now, as the viewer is told; empty when nobody does."""
        if self.running is None:
            return ""
        if self.running.actor == self.viewer:
            at_work, waiting = _YOUR_DOING[Action(self.running.action)]
            return waiting if self.running.state == State.WAITING else at_work
        return f"{self.words} by {self.running.actor}"

    @property
    def what_follows(self) -> str:
        """Who asked to delete it while another change is under way; empty when nobody did."""
        if self.deletion is None or self.running is None or self.running.action == Action.DELETE:
            return ""
        who = "You" if self.deletion.actor == self.viewer else self.deletion.actor
        return f"{who} asked to delete it; that waits behind this change."

    @property
    def what_another_change_would_do(self) -> str:
        """What becomes of another change while one is under way; of none while a deletion is."""
        if self.running is None or self.running.action == Action.DELETE:
            return ""
        return self.what_follows or "Another change would wait its turn behind it."

    @property
    def never_made(self) -> bool:
        """Whether its creation failed and nothing of it stands."""
        return self.stack is None and self.running is None

    def why_not_yet(self, form_of: str) -> str:
        """Why there is no form to "edit" or to "delete" it, in words; empty when there is one."""
        done = "deleted" if form_of == "delete" else "changed"
        if self.never_made:
            return f"It could not be created, so there is nothing to be {done}."
        if self.stack is None:
            return f"It can be {done} once it is made."
        if form_of != "delete" and self.stack.spec is None:
            return self.stack.problem or "Its details are still being read from CloudFormation."
        return ""

    @property
    def why_locked(self) -> str:
        """Why it takes no change right now; empty when it does."""
        if self.stack is None:
            return "It does not stand yet." if self.running else "It was never created."
        if self.running and self.running.action == Action.DELETE:
            own = self.running.actor == self.viewer
            return "You are deleting it." if own else f"It is being deleted by {self.running.actor}."
        if self.what_follows:
            return self.what_follows
        if self.stack.spec is None:
            return self.stack.problem or "Its details are still being read from CloudFormation."
        if not self.stack.status.editable and not self.stack.status.running:
            return f"{self.stack.status.words}: it can only be deleted."
        return ""

    @property
    def changed_at(self) -> datetime | None:
        """When its stack last changed, by AWS's clock."""
        return datetime.fromisoformat(self.stack.updated_at) if self.stack and self.stack.updated_at else None


@dataclass(frozen=True, slots=True)
class Query:
    """What the address asks of a list; odd values are taken as the default."""

    search: str = ""
    state: str = ""
    sort: str = "name"
    descending: bool = False
    page: int = 1

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> "Query":
        """Read the address's parameters."""
        sort = parameters.get("sort", "name")
        page = parameters.get("page", "1")
        state = parameters.get("state", "")
        return cls(
            search=parameters.get("q", "").strip()[:100],
            state=state if state in STATES else "",
            sort=sort.removeprefix("-") if sort.removeprefix("-") in index.SORTS else "name",
            descending=sort.startswith("-"),
            page=max(1, int(page)) if page.isdecimal() and len(page) <= PAGE_DIGITS else 1,
        )


@dataclass(frozen=True, slots=True)
class Listing:
    """Every bucket that pages show, in an order. A bucket is made only when asked for: most of a list nobody sees."""

    names: Sequence[str]
    standing: Mapping[str, MirroredStack]
    operations: "_Operations"
    people: Mapping[str, str]

    def bucket(self, name: str) -> Bucket:
        """Return one of them."""
        return self.operations.bucket(name, self.standing.get(name), self.people)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, and where it stands among the others."""

    buckets: list[Bucket]
    query: Query
    matching: int
    listing: Listing
    snapshot: Snapshot

    @property
    def unread(self) -> int:
        """How many buckets are known by name only."""
        return index.unread(self.snapshot)

    @property
    def complete(self) -> bool:
        """Whether the mirror knows every bucket."""
        return self.snapshot.complete

    @property
    def as_of(self) -> float | None:
        """Set while the mirror does not answer: when this was true, in seconds since the epoch."""
        return _as_of(self.snapshot)

    @property
    def seen(self) -> int:
        """In milliseconds: what was born after it is new to this page."""
        return int(self.snapshot.read_at * 1000)

    @property
    def total(self) -> int:
        """How many buckets there are, whatever was asked for."""
        return len(self.listing.names)

    @property
    def tones(self) -> Mapping[str, int]:
        """How many buckets are ready, at work and failed."""
        return Counter(self.listing.bucket(name).tone for name in self.listing.names)

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.matching // PAGE_SIZE))

    @property
    def first(self) -> int:
        """The number of the first row shown."""
        return (self.query.page - 1) * PAGE_SIZE + 1 if self.buckets else 0

    @property
    def last(self) -> int:
        """The number of the last row shown."""
        return self.first + len(self.buckets) - 1 if self.buckets else 0


def find(project: Project, name: str, viewer: Person | None = None) -> Bucket | None:
    """Return a bucket by its name, also one that is only asked for; None when there is neither."""
    snapshot = mirror.shown(project)
    stack = index.buckets(snapshot).get(name)
    bucket = _operations(project).bucket(name, stack, owners.names(project))
    if stack is None and (bucket.operation is None or not _is_shown(bucket.operation)):
        return None
    return replace(bucket, as_of=_as_of(snapshot), viewer=viewer)


def _as_of(snapshot: Snapshot) -> float | None:
    return None if snapshot.current else snapshot.read_at


def _is_shown(operation: Operation) -> bool:
    """Tell whether an operation without a stack is worth a row: a creation that runs, waits or failed."""
    return operation.action == Action.CREATE and operation.state in {State.WAITING, State.RUNNING, State.FAILED}


def listing(
    project: Project,
    snapshot: Snapshot,
    *,
    sort: str = "name",
    descending: bool = False,
    people: Mapping[str, str] = NOBODY,
) -> Listing:
    """Return every bucket that pages show: what stands, and what is asked for or could not be made."""
    standing = index.buckets(snapshot)
    operations = _operations(project)
    asked = [
        name
        for item, operation in operations.shown.items()
        if (name := item.removeprefix(live.BUCKET)) not in standing and _is_shown(operation)
    ]
    # What is only asked for has no place in any order yet: it stands first, where its author looks for it.
    names = [*sorted(asked), *index.order(snapshot, sort, descending=descending, people=people)]
    return Listing(names, standing, operations, people)


def page(project: Project, query: Query) -> Page:
    """Return one page of a project's buckets."""
    snapshot = mirror.shown(project)
    people = owners.names(project)
    all_of_it = listing(project, snapshot, sort=query.sort, descending=query.descending, people=people)
    searched = query.search or query.state
    names = all_of_it.names
    found = [name for name in names if _matches(all_of_it.bucket(name), query)] if searched else names
    start = min((query.page - 1) * PAGE_SIZE, max(0, (len(found) - 1) // PAGE_SIZE * PAGE_SIZE))
    return Page(
        buckets=[all_of_it.bucket(name) for name in found[start : start + PAGE_SIZE]],
        query=replace(query, page=start // PAGE_SIZE + 1),
        matching=len(found),
        listing=all_of_it,
        snapshot=snapshot,
    )


@dataclass(frozen=True, slots=True)
class _Operations:
    """A project's operations as a list needs them: by target, the one that is shown, a deletion, and every version."""

    stamp: tuple[object, ...]
    shown: Mapping[str, Operation]  # open ones, and failures that nothing came after
    deletions: Mapping[str, Operation]  # open ones
    versions: Mapping[str, int]

    def bucket(self, name: str, stack: MirroredStack | None, people: Mapping[str, str]) -> Bucket:
        """Return a bucket with what is asked of it."""
        item = live.bucket_item(name)
        deletion = self.deletions.get(item)
        return Bucket(name, stack, self.shown.get(item), self.versions.get(item, 0), deletion, people=people)


_held: OrderedDict[int, _Operations] = OrderedDict()
_held_lock = threading.Lock()


def _operations(project: Project) -> _Operations:
    """Return the project's operations; read again only when one was added or changed, which its version always tells."""
    rows = Operation.objects.filter(project=project)
    stamp = live.operations_stamps([project]).get(project.pk, ())
    with _held_lock:
        held = _held.get(project.pk)
    if held is not None and held.stamp == stamp:
        return held
    targets = rows.filter(target__startswith=live.BUCKET)
    newest = Operation.objects.filter(project=project, target=OuterRef("target")).order_by("-version").values("pk")[:1]
    mattering = targets.filter(Q(state__in=OPEN_STATES) | Q(state=State.FAILED, pk=Subquery(newest)))
    shown: dict[str, Operation] = {}
    deletions: dict[str, Operation] = {}
    for operation in mattering.shown_first().with_people():
        shown.setdefault(operation.target, operation)
        if operation.is_open and operation.action == Action.DELETE:
            deletions.setdefault(operation.target, operation)
    versions = dict(targets.order_by().values_list("target").annotate(Max("version")))
    found = _Operations(stamp, shown, deletions, versions)
    with _held_lock:
        _held[project.pk] = found
        _held.move_to_end(project.pk)
        while len(_held) > PROJECTS_HELD:
            _held.popitem(last=False)
    return found


def _matches(bucket: Bucket, query: Query) -> bool:
    if query.state and bucket.tone != query.state:
        return False
    if not query.search:
        return True
    spec = bucket.spec
    words = (spec.purpose, spec.owner, bucket.owner) if spec else ()
    text = " ".join([bucket.name, *words]).lower()
    return all(word in text for word in query.search.lower().split())
