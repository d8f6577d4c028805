"""Changes in words, and the judgement of a change set before it is executed (DESIGN P3)."""

from collections.abc import Iterable
from dataclasses import fields, replace
from math import inf
from typing import Any, Protocol

from projects.stacks.naming import Kind
from projects.stacks.spec import BucketSpec
from projects.stacks.templates import LOGICAL_IDS

FIELD_WORDS = {
    "name": "name",
    "label": "name",
    "purpose": "purpose",
    "owner": "owner",
    "retention": "retention",
    "versions_days": "old versions",
    "tags": "tags",
}

HOLDS_DATA = frozenset({"AWS::S3::Bucket", "AWS::KMS::Key", "AWS::IAM::User", "AWS::Logs::LogGroup"})


class UnsafeChange(Exception):
    """A change set would do what nobody asked for; the message is fit for the manager."""


class ListedChange(Protocol):
    """One resource's line of a change set, as DescribeChangeSet lists it."""

    @property
    def logical_id(self) -> str: ...
    @property
    def resource_type(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def replacement(self) -> str | None: ...
    @property
    def policy_action(self) -> str | None: ...


def in_words(before: BucketSpec, after: BucketSpec) -> list[str]:
    """Return what differs, a sentence each; empty when nothing does."""
    lines = []
    if before.purpose != after.purpose:
        lines.append(f"Purpose: “{after.purpose}” instead of “{before.purpose}”")
    if before.owner != after.owner:
        lines.append(f"Owner: {after.owner} instead of {before.owner}")
    if before.retention != after.retention:
        lines.append(f"Objects: {after.retention.words.lower()} instead of {before.retention.words.lower()}")
    if before.versions_days != after.versions_days:
        lines.append(f"Old versions are kept {after.versions_days} days instead of {before.versions_days}")
    return lines + _tags_in_words(dict(before.tags), dict(after.tags))


def rebased(before: BucketSpec, asked: BucketSpec, now: BucketSpec) -> BucketSpec:
    """Return `now` with what was changed from `before` to `asked`; of tags, only the keys that were."""
    differing = {
        one.name: getattr(asked, one.name)
        for one in fields(BucketSpec)
        if getattr(asked, one.name) != getattr(before, one.name)
    }
    if "tags" in differing:
        differing["tags"] = _tags_rebased(dict(before.tags), dict(asked.tags), dict(now.tags))
    return replace(now, **differing)


def _tags_rebased(before: dict[str, str], asked: dict[str, str], now: dict[str, str]) -> tuple[tuple[str, str], ...]:
    removed = before.keys() - asked.keys()
    changed = {key: value for key, value in asked.items() if before.get(key) != value}
    return tuple(({key: value for key, value in now.items() if key not in removed} | changed).items())


def tags_problem(merged: BucketSpec) -> str:
    """Return why the tags of two people do not go together; empty when they do."""
    problem = merged.validate().get("tags", "")
    return f"With the tags that somebody else set meanwhile: {problem}" if problem else ""


def losses(before: BucketSpec, after: BucketSpec) -> list[str]:
    """Return what S3 deletes because of a change, a sentence each: what is kept less long than before.

    The bucket is versioned, so an object whose time is over becomes an old version first.
    """
    lines = []
    if after.retention.days is not None and (before.retention.days or inf) > after.retention.days:
        lines.append(
            f"Files older than {after.retention.value.replace('-', ' ')} will be deleted soon after this change, "
            f"and for good {after.versions_days} days later."
        )
    if after.versions_days < before.versions_days:
        lines.append(
            f"Files overwritten or deleted more than {after.versions_days} days ago will be deleted for good, "
            "soon after this change."
        )
    return lines


def conflicts(before: dict[str, Any], asked: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return the fields that the form changed and somebody else too, to something else; of tags, those of one key."""
    return [
        name
        for name in asked
        if (_tags_conflict if name == "tags" else _conflict)(before.get(name), asked[name], now.get(name))
    ]


def _conflict(before: Any, asked: Any, now: Any) -> bool:
    return asked != before and now not in (before, asked)


def _tags_conflict(before: Any, asked: Any, now: Any) -> bool:
    was, mine, theirs = (dict(tags or ()) for tags in (before, asked, now))
    return any(_conflict(was.get(key), mine.get(key), theirs.get(key)) for key in was.keys() | mine.keys())


def conflict_words(fields: list[str], now: BucketSpec, *, stored: bool = False) -> str:
    """Return for the person who changed them last what became of such fields; `stored` words are read later."""
    words = ", ".join(FIELD_WORDS.get(name, name) for name in fields)
    return (
        f"Somebody else changed the same thing meanwhile ({words}), so nothing was overwritten. "
        f"How it {'stood then' if stored else 'stands now'}: "
        f"{'; '.join(_stands(name, now) for name in fields)}."
    )


def _stands(field: str, spec: BucketSpec) -> str:
    match field:
        case "retention":
            found = spec.retention.words.lower()
        case "versions_days":
            found = f"kept {spec.versions_days} days"
        case "tags":
            found = ", ".join(f"{key} = {value}" for key, value in spec.tags) or "none"
        case _:
            found = f"“{getattr(spec, field)}”"
    return f"{FIELD_WORDS.get(field, field)} {found}"


def _tags_in_words(before: dict[str, str], after: dict[str, str]) -> list[str]:
    added = [f"Tag {key} added: “{after[key]}”" for key in after if key not in before]
    removed = [f"Tag {key} removed" for key in before if key not in after]
    changed = [
        f"Tag {key}: “{after[key]}” instead of “{before[key]}”"
        for key in after
        if before.get(key, after[key]) != after[key]
    ]
    return added + changed + removed


def expected_changes(kind: Kind) -> frozenset[str]:
    """Return the logical ids that a change of this kind of stack may list."""
    return frozenset(LOGICAL_IDS[kind])


def judge(changes: Iterable[ListedChange], kind: Kind = Kind.BUCKET) -> None:
    """Raise UnsafeChange when a listed change replaces or removes what holds data, or touches what is not ours."""
    for change in changes:
        _judge_one(change, expected_changes(kind))


def _judge_one(change: ListedChange, expected: frozenset[str]) -> None:
    thing = f"{change.logical_id} ({change.resource_type})"
    if change.logical_id not in expected:
        raise UnsafeChange(f"AWS would change {thing}, which nobody asked for. Nothing was changed.")
    if change.action not in {"Add", "Modify", "Dynamic"}:
        raise UnsafeChange(f"AWS would remove {thing}. Nothing was changed.")
    if change.resource_type not in HOLDS_DATA:
        return
    replaced = change.replacement not in {None, "", "False"} or change.action == "Dynamic"
    if replaced or change.policy_action not in {None, "", "Retain"}:
        raise UnsafeChange(f"AWS would make {thing} anew, and what it holds would stay behind. Nothing was changed.")
