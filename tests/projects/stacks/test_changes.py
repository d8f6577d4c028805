from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.stacks.changes import (
    FIELD_WORDS,
    UnsafeChange,
    conflicts,
    expected_changes,
    in_words,
    judge,
    losses,
    rebased,
    tags_problem,
)
from projects.stacks.naming import Kind
from projects.stacks.spec import Retention
from projects.stacks.templates.examples import example

PLAIN = example()


@dataclass(frozen=True)
class Listed:
    """A line of a change set."""

    logical_id: str = "Bucket"
    resource_type: str = "AWS::S3::Bucket"
    action: str = "Modify"
    replacement: str | None = "False"
    policy_action: str | None = None


def test_nothing_changed_has_no_words() -> None:
    assert in_words(PLAIN, PLAIN) == []


def test_each_changed_field_has_a_sentence() -> None:
    before = replace(PLAIN, tags=(("cost", "1"), ("old", "x")))
    after = replace(
        PLAIN,
        purpose="Orders",
        owner="ben@example.com",
        retention=Retention.DAYS_30,
        versions_days=30,
        tags=(("cost", "2"), ("new", "y")),
    )
    assert in_words(before, after) == [
        "Purpose: “Orders” instead of “Invoices from Acme, monthly”",
        "Owner: ben@example.com instead of ana@example.com",
        "Objects: deleted after 30 days instead of kept until somebody deletes them",
        "Old versions are kept 30 days instead of 90",
        "Tag new added: “y”",
        "Tag cost: “2” instead of “1”",
        "Tag old removed",
    ]


def test_what_one_person_changed_is_put_upon_what_another_left() -> None:
    before = replace(PLAIN, tags=(("cost", "1"), ("old", "x"), ("both", "1")))
    asked = replace(before, purpose="Mine", tags=(("cost", "2"), ("both", "mine"), ("new", "y")))
    now = replace(before, versions_days=365, tags=(("theirs", "z"), ("cost", "1"), ("old", "x"), ("both", "theirs")))

    assert rebased(before, asked, now) == replace(
        now, purpose="Mine", tags=(("theirs", "z"), ("cost", "2"), ("both", "mine"), ("new", "y"))
    )
    assert rebased(before, before, now) == now


def test_fields_changed_twice_are_in_conflict() -> None:
    assert conflicts({"purpose": "a"}, {"purpose": "b"}, {"purpose": "c"}) == ["purpose"]


def test_the_same_answer_twice_is_no_conflict() -> None:
    assert conflicts({"purpose": "a"}, {"purpose": "b"}, {"purpose": "b"}) == []


few_tags = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"))


@given(few_tags, few_tags, few_tags)
def test_tags_conflict_where_one_key_was_changed_twice_and_nowhere_else(
    before: dict[str, str], asked: dict[str, str], now: dict[str, str]
) -> None:
    base, mine, theirs = (replace(PLAIN, tags=tuple(tags.items())) for tags in (before, asked, now))

    fought_over = conflicts(base.to_document(), mine.to_document(), theirs.to_document())

    i_changed, they_changed = ({key for key in "abc" if tags.get(key) != before.get(key)} for tags in (asked, now))
    differing = {key for key in i_changed & they_changed if asked.get(key) != now.get(key)}
    assert fought_over == (["tags"] if differing else [])
    merged = dict(rebased(base, mine, theirs).tags)
    for key in "abc":
        assert merged.get(key) == (asked if key in i_changed else now).get(key)
    if not differing:
        assert merged == dict(rebased(base, theirs, mine).tags), "whoever comes first"


def test_tags_of_two_people_that_are_too_many_together_are_named() -> None:
    many = tuple((f"k{number}", "v") for number in range(30))
    others = tuple((f"o{number}", "v") for number in range(30))
    asked, now = replace(PLAIN, tags=many), replace(PLAIN, tags=others)

    assert "At most 40 tags; these are 60." in tags_problem(rebased(PLAIN, asked, now))
    assert tags_problem(asked) == ""


def test_what_is_kept_shorter_is_named_as_a_loss() -> None:
    month = replace(PLAIN, retention=Retention.DAYS_30, versions_days=90)
    objects = "Files older than 7 days will be deleted soon after this change, and for good 90 days later."
    versions = "Files overwritten or deleted more than 7 days ago will be deleted for good, soon after this change."

    assert losses(month, replace(month, retention=Retention.DAYS_7)) == [objects]
    assert losses(replace(month, retention=Retention.KEEP), replace(month, retention=Retention.DAYS_7)) == [objects]
    assert losses(month, replace(month, versions_days=7)) == [versions]


def test_what_is_kept_as_long_or_longer_is_no_loss() -> None:
    month = replace(PLAIN, retention=Retention.DAYS_30, versions_days=90)

    assert losses(month, replace(month, purpose="Orders")) == []
    assert losses(month, replace(month, retention=Retention.YEAR_1, versions_days=365)) == []
    assert losses(month, replace(month, retention=Retention.KEEP)) == []


def test_every_field_has_a_word() -> None:
    assert FIELD_WORDS.keys() == PLAIN.to_document().keys()


@pytest.mark.parametrize(
    "change",
    [
        Listed(),
        Listed(replacement=None),
        Listed("BucketPolicy", "AWS::S3::BucketPolicy"),
        Listed("BucketPolicy", "AWS::S3::BucketPolicy", action="Add", replacement=None),
        Listed("BucketPolicy", "AWS::S3::BucketPolicy", replacement="Conditional"),
    ],
)
def test_a_change_in_place_is_safe(change: Listed) -> None:
    judge([change])


@pytest.mark.parametrize(
    "change",
    [
        Listed(replacement="True"),
        Listed(replacement="Conditional"),
        Listed(action="Dynamic"),
        Listed(action="Remove", replacement=None),
        Listed(action="Import"),
        Listed(policy_action="Delete"),
        Listed(policy_action="ReplaceAndDelete"),
        Listed(policy_action="ReplaceAndRetain"),
        Listed("BucketPolicy", "AWS::S3::BucketPolicy", action="Remove", replacement=None),
        Listed("Backdoor", "AWS::IAM::User", action="Add", replacement=None),
    ],
)
def test_a_change_that_loses_data_or_is_not_ours_is_refused(change: Listed) -> None:
    with pytest.raises(UnsafeChange, match="Nothing was changed"):
        judge([Listed(), change])


def test_expected_changes_are_the_kinds_own_resources() -> None:
    assert expected_changes(Kind.BUCKET) == {"Bucket", "BucketPolicy"}
