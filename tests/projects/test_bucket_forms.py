"""The forms of buckets through their pages: sent twice, sent with something else, from an old base, made by hand."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from people.models import Person
from projects.actions import buckets
from projects.actions.obstacles import Obstacle, ways_on
from projects.actions.operations import bumped
from projects.models import Operation, OperationStep, Project, ProjectState, State
from projects.stacks import causes, mirror
from projects.stacks.mirror import MirroredStack
from projects.stacks.status import StackStatus
from tests.projects import mirrored
from tests.projects.specs import asker, spec_for


def typed(person: Person, **changes: str) -> dict[str, str]:
    """Return what a browser sends of a filled form."""
    filled = {"purpose": "Invoices", "owner": person.email, "retention": "keep", "versions_days": "90", "tags": ""}
    return filled | {"request_key": "k" * 32, "reason": ""} | changes


def errors_of(answer: HttpResponse) -> str:
    """Return what the form says against what was sent."""
    assert answer.status_code == 422
    form = answer.context["form"]
    return " ".join([*form.non_field_errors(), *(str(error) for found in form.errors.values() for error in found)])


def new_bucket(project: Project) -> str:
    return f"/projects/{project.slug}/new-bucket/"


def edit(project: Project, bucket: MirroredStack) -> str:
    assert bucket.spec is not None
    return f"/projects/{project.slug}/buckets/{bucket.spec.name}/edit/"


def held(answer: HttpResponse) -> dict[str, Any]:
    """Return the values that a rendered form would send."""
    form = answer.context["form"]
    return {name: form[name].value() or "" for name in form.fields}


def based_on(bucket: MirroredStack, **changes: Any) -> dict[str, str]:
    """Return the hidden fields of a form that was opened when the bucket stood like this."""
    assert bucket.spec is not None
    return {"before": json.dumps(bucket.spec.to_document() | changes), "base": bucket.fingerprint}


def test_a_reason_shows_what_was_typed(browser: Client, acme: Project, ana: Person, label: str) -> None:
    answer = browser.post(new_bucket(acme), typed(ana, label=label, reason="ticket \u202e4711"))
    assert "turn the reading direction" in errors_of(answer)
    assert not Operation.objects.exists()


def test_the_same_form_twice_makes_one_bucket(acme: Project, ana: Person, browser: Client, label: str) -> None:
    sent = typed(ana, label=label)

    first, second = browser.post(new_bucket(acme), sent), browser.post(new_bucket(acme), sent)

    assert first.status_code == second.status_code == 302
    assert first.headers["Location"] == second.headers["Location"]
    assert Operation.objects.count() == 1


def test_a_form_sent_again_with_another_name_says_so_and_makes_it_the_next_time(
    acme: Project, ana: Person, browser: Client, label: str
) -> None:
    browser.post(new_bucket(acme), typed(ana, label=label))

    refused = browser.post(new_bucket(acme), typed(ana, label=label + "x"))

    assert f"Create {label}”" in errors_of(refused)
    assert Operation.objects.count() == 1
    again = held(refused)
    assert again["label"] == label + "x"
    assert browser.post(new_bucket(acme), again).status_code == 302
    assert Operation.objects.count() == 2


@pytest.mark.parametrize("before", ['"x"', "5", "[1, 2]", '{"name": 1}', "{", "null{}"])
def test_a_form_whose_base_was_made_by_hand_is_refused_in_words(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack, before: str
) -> None:
    answer = browser.post(edit(acme, bucket), typed(ana, before=before, base=bucket.fingerprint))

    assert answer.status_code == 422
    assert Operation.objects.count() == 0


def test_a_form_changes_the_bucket_of_its_address_only(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack
) -> None:
    hidden = based_on(bucket, name=mirrored.spec(acme, "another").name, label="another")

    answer = browser.post(edit(acme, bucket), typed(ana, confirmed="yes", **hidden))

    assert "sent incomplete" in errors_of(answer)
    assert Operation.objects.count() == 0


def test_a_field_that_two_people_changed_comes_back_with_everything_typed(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack
) -> None:
    stale = based_on(bucket, purpose="As it was when the form was opened")

    refused = browser.post(edit(acme, bucket), typed(ana, purpose="Mine", **stale))

    assert "Somebody else changed the same thing meanwhile (purpose)" in errors_of(refused)
    assert "How it stands now: purpose" in errors_of(refused)
    again = held(refused)
    assert again["purpose"] == "Mine"
    assert json.loads(again["before"])["purpose"] == bucket.spec.purpose  # it starts over from what stands
    assert browser.post(edit(acme, bucket), {**again, "confirmed": "yes"}).status_code == 302
    assert Operation.objects.get().after["purpose"] == "Mine"


@pytest.mark.parametrize("page", ["form", "confirmation"])
def test_sent_again_after_a_conflict_it_changes_only_what_this_person_changed(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack, page: str
) -> None:
    stale = based_on(bucket, purpose="As it was", versions_days=7, tags=[["department", "it"], ["mine", "1"]])
    sent = typed(ana, purpose="Mine", retention="1-year", versions_days="7", tags="department = it", **stale)

    refused = browser.post(edit(acme, bucket), sent | ({"confirmed": "yes"} if page == "confirmation" else {}))

    assert "(purpose)" in errors_of(refused)  # of the tags each changed another one
    browser.post(edit(acme, bucket), {**held(refused), "confirmed": "yes"})
    assert Operation.objects.get().after == bucket.spec.to_document() | {"purpose": "Mine"}


def test_tags_that_two_people_set_go_together_unless_they_are_too_many(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack
) -> None:
    stale = based_on(bucket, tags=[])
    mine = "\n".join(f"mine{number} = 1" for number in range(40))

    refused = browser.post(edit(acme, bucket), typed(ana, tags=mine, confirmed="yes", **stale))

    assert "At most 40 tags; these are 41." in errors_of(refused)
    assert held(refused)["tags"] == f"department = finance\n{mine}"
    sent = typed(ana, tags="mine = 1", confirmed="yes", **stale)
    assert browser.post(edit(acme, bucket), sent).status_code == 302


def test_a_field_that_only_others_changed_is_told_and_kept(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack
) -> None:
    stale = based_on(bucket, versions_days=7)

    asked = browser.post(edit(acme, bucket), typed(ana, purpose="Mine", versions_days="7", **stale))

    assert asked.status_code == 200
    assert "Old versions are kept 90 days instead of 7" in asked.content.decode()


def test_the_confirmation_warns_of_what_will_be_deleted_and_names_the_bucket(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack
) -> None:
    sent = typed(ana, retention="7-days", versions_days="30", **based_on(bucket))

    words = browser.post(edit(acme, bucket), sent).content.decode()

    assert "Files older than 7 days will be deleted soon after this change, and for good 30 days later." in words
    assert "Files overwritten or deleted more than 30 days ago will be deleted for good" in words
    assert 'class="btn btn-danger" id="send"' in words
    assert "no file in it is removed" not in words
    assert words.count(f"What will change in {bucket.spec.label}") == 2  # title and heading
    fragment = browser.get(edit(acme, bucket), {"form": "shorten"}, headers={"HX-Request": "true"}).content.decode()
    assert 'class="btn btn-danger" id="send" type="submit">Change the bucket' in fragment


def test_the_confirmation_reassures_where_nothing_is_deleted(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack
) -> None:
    # Somebody else shortened it since: that is no doing of this change.
    stale = based_on(bucket, retention="keep")

    words = browser.post(edit(acme, bucket), typed(ana, purpose="Mine", **stale)).content.decode()

    assert "The bucket itself is not replaced, and no file in it is removed." in words
    assert 'class="btn btn-primary" id="send"' in words
    assert "alert-danger" not in words


def test_a_failed_change_opens_its_form_with_everything_typed(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack
) -> None:
    sent = typed(ana, purpose="Typed before it failed", confirmed="yes", **based_on(bucket))
    browser.post(edit(acme, bucket), sent)
    Operation.objects.update(state=State.FAILED)
    operation = Operation.objects.get()

    page = browser.get(operation.get_absolute_url()).content.decode()
    form = browser.get(f"{edit(acme, bucket)}?again={operation.pk}")

    assert f"{edit(acme, bucket)}?again={operation.pk}" in page
    assert held(form)["purpose"] == "Typed before it failed"


def test_a_failed_change_opens_its_form_upon_what_others_did_since(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack
) -> None:
    sent = typed(ana, purpose="Mine", retention="1-year", tags="mine = 1\ndepartment = finance", reason="ticket 4711")
    browser.post(edit(acme, bucket), sent | {"confirmed": "yes"} | based_on(bucket))
    Operation.objects.update(state=State.FAILED)
    tags = (("department", "sales"), ("theirs", "2"))
    moved = mirrored.spec(acme, bucket.spec.label, owner=ana.email, versions_days=365, tags=tags)
    mirrored.fill(acme, [mirrored.stack(acme, moved)], moment="2026-11-23T12:00:00.000Z")

    form = held(browser.get(f"{edit(acme, bucket)}?again={Operation.objects.get().pk}"))

    assert (form["purpose"], form["versions_days"]) == ("Mine", 365)
    assert form["tags"].splitlines() == ["department = sales", "theirs = 2", "mine = 1"]
    assert form["reason"] == "ticket 4711"


@pytest.mark.parametrize(
    ("reason", "primary", "other"), [("acme already exists", "form", "retry"), ("Throttling", "retry", "form")]
)
def test_a_taken_name_leads_to_the_form_and_other_failures_to_another_try(
    acme: Project, ana: Person, browser: Client, label: str, reason: str, primary: str, other: str
) -> None:
    browser.post(new_bucket(acme), typed(ana, label=label, reason="ticket 4711"))
    Operation.objects.update(state=State.FAILED, cause=causes.in_words(reason))
    operation = Operation.objects.get()

    words = browser.get(operation.get_absolute_url()).content.decode()
    form = held(browser.get(f"{new_bucket(acme)}?again={operation.pk}"))

    assert f'class="btn btn-primary" id="{primary}"' in words
    assert f'class="btn" id="{other}"' in words
    assert (form["label"], form["reason"]) == (label, "ticket 4711")


def test_a_name_that_aws_refused_is_not_called_free(acme: Project, ana: Person, browser: Client, label: str) -> None:
    def check() -> str:
        return browser.get(f"{new_bucket(acme)}name/", {"label": label}).content.decode()

    browser.post(new_bucket(acme), typed(ana, label=label))
    now = timezone.now()
    refused = {"state": State.FAILED, "cause": causes.in_words("acme already exists"), "version": bumped()}
    Operation.objects.update(**refused, settled_at=now)
    assert "AWS refused this name as taken" in check()
    assert now.strftime("%H:%M:%S") in check()
    assert "Free" not in check()
    Operation.objects.update(state=State.CANCELLED)  # taken off the list
    assert "AWS refused this name as taken" in check()
    for no_news in (
        {"settled_at": now - timedelta(days=2)},
        {"settled_at": now, "cause": causes.in_words("Throttling")},
    ):
        Operation.objects.update(**refused | no_news)
        assert "Free in this project." in check()
    Operation.objects.update(**refused, settled_at=now - timedelta(hours=1))
    browser.post(new_bucket(acme), typed(ana, label=label, request_key="another"))
    made = Operation.objects.filter(request_key="another")
    made.update(state=State.SUCCEEDED, settled_at=now, version=bumped())
    assert "Free in this project." in check(), "it was made since, and is gone again"


def test_what_is_too_long_is_told_and_not_cut(acme: Project, ana: Person, browser: Client, label: str) -> None:
    assert "maxlength" not in browser.get(new_bucket(acme)).content.decode().split("<main")[1].split("</main")[0]

    answer = browser.post(new_bucket(acme), typed(ana, label=label, purpose="long " * 60))

    form = answer.context["form"]
    assert "at most 200 characters (it has 299)" in form.errors["purpose"][0]
    assert "long " * 59 in answer.content.decode()
    assert not Operation.objects.exists()


def test_every_field_that_is_wrong_says_so_at_once(acme: Project, ana: Person, browser: Client, bucket: Any) -> None:
    wrong = {
        "purpose": "long " * 60,
        "owner": "nobody",
        "versions_days": "8",
        "tags": "a = 1\na = 2",
        "reason": "\u202e",
    }

    made = browser.post(new_bucket(acme), typed(ana, label="Not A Name!", **wrong)).context["form"]
    changed = browser.post(edit(acme, bucket), typed(ana, **wrong, **based_on(bucket))).context["form"]

    assert set(made.errors) == {"label", *wrong}
    assert set(changed.errors) == set(wrong)
    assert [len(found) for found in made.errors.values()] == [1] * 6


def test_a_name_that_is_taken_says_so_beside_what_else_is_wrong(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack
) -> None:
    answer = browser.post(new_bucket(acme), typed(ana, label=bucket.spec.label, purpose=""))

    assert "This project has a bucket of this name already." in errors_of(answer)
    assert "required" in errors_of(answer)


def test_a_creation_that_failed_is_taken_off_the_list_and_its_page_stays(
    acme: Project, ana: Person, browser: Client, label: str
) -> None:
    browser.post(new_bucket(acme), typed(ana, label=label))
    Operation.objects.update(state=State.FAILED, cause="The name is taken.")
    operation = Operation.objects.get()
    listed = f"/projects/{acme.slug}/buckets/"
    assert label in browser.get(listed).content.decode()

    words = browser.post(f"{operation.get_absolute_url()}remove/", follow=True).content.decode()

    assert f"Taken off the list by {ana}" in words
    assert "It had failed: The name is taken." in words
    assert operation.target_name not in browser.get(listed).content.decode()
    row = browser.get(f"{listed}{operation.target_name}/row/", headers={"HX-Request": "true"})
    assert row.content == b""


@pytest.mark.parametrize(("state", "action"), [(State.RUNNING, "create"), (State.FAILED, "delete")])
def test_nothing_else_is_taken_off_the_list(
    acme: Project, ana: Person, browser: Client, label: str, state: State, action: str
) -> None:
    browser.post(new_bucket(acme), typed(ana, label=label))
    Operation.objects.update(state=state, action=action)

    words = browser.post(f"{Operation.objects.get().get_absolute_url()}remove/", follow=True).content.decode()

    assert "Only a creation that failed can be taken off the list." in words
    assert Operation.objects.get().state == state


def test_a_bucket_that_never_was_has_no_forms(acme: Project, ana: Person, browser: Client) -> None:
    for form in ("edit", "delete"):
        address = f"/projects/{acme.slug}/buckets/never-was/{form}/"
        assert browser.get(address).status_code == 404
        assert browser.post(address, {"confirmation": "never-was", "request_key": "k"}).status_code == 404


@pytest.mark.parametrize(("form", "done"), [("edit", "changed"), ("delete", "deleted")])
def test_the_forms_of_a_bucket_that_does_not_stand_say_only_what_is_true(
    acme: Project, ana: Person, browser: Client, label: str, form: str, done: str
) -> None:
    browser.post(new_bucket(acme), typed(ana, label=label))
    operation = Operation.objects.get()
    address = f"/projects/{acme.slug}/buckets/{operation.target_name}/{form}/"

    running = browser.get(address)
    sent = browser.post(address, typed(ana, confirmation=label, request_key="another"))
    Operation.objects.update(state=State.FAILED, cause="AWS said no.", version=bumped())
    failed = browser.get(address)
    fragment = browser.get(f"{address}?not-yet={form}", headers={"HX-Request": "true"}).content.decode()

    assert (running.status_code, sent.status_code, failed.status_code) == (200, 409, 200)
    for answer in (running, sent):
        assert f"It can be {done} once it is made." in answer.content.decode()
    for words in (failed.content.decode(), fragment):
        assert f"It could not be created, so there is nothing to be {done}." in words
        assert f"{operation.get_absolute_url()}remove/" in words
    for words in (running.content.decode(), sent.content.decode(), failed.content.decode()):
        assert "Only an empty bucket is deleted" not in words
        assert "does not exist any more" not in words
    assert Operation.objects.count() == 1
    browser.post(f"{operation.get_absolute_url()}remove/")
    left = browser.get(f"{address}?not-yet={form}", headers={"HX-Request": "true"}).content.decode()
    assert "Nothing is left of it" in left
    mirrored.fill(acme, [mirrored.stack(acme, mirrored.spec(acme, label))])
    made = browser.get(f"{address}?not-yet={form}", headers={"HX-Request": "true"}).content.decode()
    assert "It stands now." in made
    assert f'href="{address}"' in made


def test_the_form_of_a_bucket_of_which_only_the_name_is_known_says_so(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack
) -> None:
    named = replace(bucket, spec=None, fingerprint="")
    mirrored.fill(acme, [named], moment="2026-11-23T12:00:00.000Z")

    answer = browser.get(f"/projects/{acme.slug}/buckets/{named.name}/edit/")

    assert answer.status_code == 200
    assert "Its details are still being read from CloudFormation." in answer.content.decode()


def test_a_bucket_that_stands_stays_in_the_list(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack
) -> None:
    browser.post(edit(acme, bucket), typed(ana, purpose="Mine", confirmed="yes", **based_on(bucket)))
    Operation.objects.update(state=State.FAILED, action="create")

    words = browser.post(f"{Operation.objects.get().get_absolute_url()}remove/", follow=True).content.decode()

    assert "Its bucket stands" in words
    assert Operation.objects.get().state == State.FAILED


def test_earlier_attempts_stay_to_be_read(acme: Project, ana: Person, browser: Client, label: str) -> None:
    browser.post(new_bucket(acme), typed(ana, label=label))
    operation = Operation.objects.get()
    OperationStep.objects.create(
        operation=operation, attempt=1, name="build", ended_at=timezone.now(), failed=True, note="AWS was too busy."
    )
    Operation.objects.update(state=State.FAILED, attempt=2, cause="The name is taken.")

    words = browser.get(operation.get_absolute_url()).content.decode()

    assert "This is attempt 2." in words
    assert "Attempt 1 failed" in words
    assert words.index("Nothing was started yet.") < words.index("AWS was too busy.")


def test_no_green_shield_stands_beside_what_is_not_known_to_hold(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack
) -> None:
    address = f"/projects/{acme.slug}/buckets/{bucket.spec.name}/"
    assert "text-success" in browser.get(address).content.decode()
    browser.post(edit(acme, bucket), typed(ana, purpose="Mine", confirmed="yes", **based_on(bucket)))
    Operation.objects.update(state=State.FAILED, cause="S3 does not show: encrypted")

    words = browser.get(address).content.decode()

    assert "S3 may show something else" in words
    assert "text-success" not in words


def test_a_change_that_can_only_fail_is_not_tried_again(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack
) -> None:
    browser.post(edit(acme, bucket), typed(ana, purpose="Mine", confirmed="yes", **based_on(bucket)))
    Operation.objects.update(state=State.FAILED)
    moved = mirrored.stack(acme, mirrored.spec(acme, bucket.spec.label, owner=ana.email, purpose="Somebody else's"))
    mirrored.fill(acme, [moved], moment="2026-11-23T12:00:00.000Z")

    operation = Operation.objects.get()

    page = browser.get(operation.get_absolute_url()).content.decode()
    answer = browser.post(operation.get_absolute_url() + "retry/", follow=True)

    assert "retry/" not in page
    again = f"{edit(acme, bucket)}?again={operation.pk}"
    assert f'href="{again}">Begin again from what stands now</a>' in page
    assert held(browser.get(again))["purpose"] == "Mine"
    assert "Somebody else changed the same thing" in answer.content.decode()
    assert "begin again from what stands now" in answer.content.decode()
    assert Operation.objects.get().state == State.FAILED


def test_a_failure_of_a_bucket_that_is_gone_offers_nothing_that_could_only_fail(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack
) -> None:
    browser.post(edit(acme, bucket), typed(ana, purpose="Mine", confirmed="yes", **based_on(bucket)))
    Operation.objects.update(state=State.FAILED)
    mirror.partition(acme).delete(bucket.stack_id, observed_at="2026-11-23T12:00:00.000Z#9")

    page = browser.get(Operation.objects.get().get_absolute_url()).content.decode()

    assert "does not exist any more, so there is nothing to try again" in page
    assert "retry/" not in page
    assert "?again=" not in page


@pytest.mark.parametrize(
    ("action", "cause", "obstacle", "ways"),
    [
        ("change", "", None, ("retry", "Open the form with everything typed")),
        ("change", "", Obstacle("Fought over.", form_helps=True), ("Begin again from what stands now",)),
        ("change", "", Obstacle("Gone."), ()),
        ("delete", "", None, ("retry",)),
        ("delete", "", Obstacle("Gone."), ()),
        ("create", "", None, ("retry", "Open the form with everything typed")),
        ("create", causes.NAME_TAKEN, None, ("Open the form with everything typed", "retry")),
        ("create", "", Obstacle("Taken.", form_helps=True), ("Open the form with everything typed",)),
    ],
)
def test_after_a_failure_only_what_may_succeed_is_offered(
    action: str, cause: str, obstacle: Obstacle | None, ways: tuple[str, ...]
) -> None:
    found = ways_on(action, cause, obstacle)

    offered = [*(["retry"] if found.retry else []), *([found.form] if found.form else [])]
    assert tuple(reversed(offered) if found.form_first else offered) == ways
    assert found.why_no_retry == (obstacle.words if obstacle else "")


def test_a_frozen_project_says_so_everywhere_and_takes_no_retry(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack
) -> None:
    browser.post(edit(acme, bucket), typed(ana, purpose="Mine", confirmed="yes", **based_on(bucket)))
    Operation.objects.update(state=State.FAILED)
    acme.state, acme.frozen_reason = ProjectState.FROZEN, "audit under way"
    acme.save()

    pages = [f"/projects/{acme.slug}/buckets/", f"/projects/{acme.slug}/buckets/{bucket.spec.name}/"]
    for page in pages:
        words = browser.get(page).content.decode()
        assert "Staff has frozen this project: audit under way." in words, page
        assert 'href="/projects/acme-live/new-bucket/"' not in words
        assert "/edit/" not in words
    failed = browser.get(Operation.objects.get().get_absolute_url()).content.decode()
    assert "retry/" not in failed
    assert "?again=" not in failed
    answer = browser.post(Operation.objects.get().get_absolute_url() + "retry/", follow=True)
    assert "Staff has frozen this project" in answer.content.decode()
    assert Operation.objects.get().state == State.FAILED


def test_beyond_the_limit_a_form_comes_back_with_everything_typed(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack, label: str, settings: Any
) -> None:
    settings.STACKPORT_OPEN_PER_PERSON = 1
    browser.post(new_bucket(acme), typed(ana, label=f"{label}-first"))
    another = {"request_key": "o" * 32, "reason": "ticket 4711"}

    create = browser.post(new_bucket(acme), typed(ana, label=f"{label}-second", **another))
    change = browser.post(
        edit(acme, bucket), typed(ana, purpose="Mine", confirmed="yes", **another, **based_on(bucket))
    )
    delete = browser.post(
        edit(acme, bucket).replace("/edit/", "/delete/"), {**another, "confirmation": bucket.spec.label}
    )

    for answer in (create, change, delete):
        assert "Your changes under way in this project, waiting ones included: 1. More than 1" in errors_of(answer)
        assert held(answer)["reason"] == "ticket 4711"
    assert (held(create)["label"], held(change)["purpose"]) == (f"{label}-second", "Mine")
    assert Operation.objects.count() == 1

    Operation.objects.update(state=State.SUCCEEDED)
    assert browser.post(new_bucket(acme), held(create)).status_code == 302


def test_beyond_the_limit_a_failed_change_is_not_tried_again(
    acme: Project, ana: Person, browser: Client, label: str, settings: Any
) -> None:
    settings.STACKPORT_OPEN_PER_PERSON = 1
    browser.post(new_bucket(acme), typed(ana, label=label))
    failed = Operation.objects.get()
    Operation.objects.update(state=State.FAILED, cause="AWS was away.")
    browser.post(new_bucket(acme), typed(ana, label=f"{label}-second", request_key="o" * 32))

    answer = browser.post(failed.get_absolute_url() + "retry/", follow=True)

    assert "nothing of it is lost: ask for it again" in answer.content.decode()
    failed.refresh_from_db()
    assert (failed.state, failed.attempt, failed.cause) == (State.FAILED, 1, "AWS was away.")
    assert not failed.steps.filter(name="asked").exists()


@pytest.mark.parametrize("page", ["9" * 5000, "0", "-1", "abc", "99999", "²", "٣"])
def test_an_odd_page_number_shows_a_page(acme: Project, browser: Client, bucket: MirroredStack, page: str) -> None:
    answer = browser.get(f"/projects/{acme.slug}/buckets/", {"page": page})

    assert answer.status_code == 200
    assert bucket.spec.name in answer.content.decode()


def test_what_runs_is_shown_before_what_waits_behind_it(
    acme: Project, ana: Person, ben: Person, browser: Client, bucket: MirroredStack
) -> None:
    first = buckets.change(acme, bucket.spec, mirrored.spec(acme, bucket.spec.label, purpose="a"), "", by=asker(ana))
    second = buckets.change(acme, bucket.spec, mirrored.spec(acme, bucket.spec.label, purpose="b"), "", by=asker(ben))
    listed = f"/projects/{acme.slug}/buckets/"

    words = browser.get(listed).content.decode()
    assert "Being changed" in words
    assert str(ana) in words.split("<table", 1)[1]
    assert str(ben) not in words.split("<table", 1)[1]

    browser.post(second.get_absolute_url() + "cancel/")
    assert "Being changed" in browser.get(listed).content.decode(), "the first one still runs"
    assert Operation.objects.get(pk=first.pk).state == State.RUNNING


def test_who_waits_is_told_for_what_after_a_retry_too(
    acme: Project, ana: Person, ben: Person, browser: Client, bucket: MirroredStack
) -> None:
    old = buckets.change(acme, bucket.spec, mirrored.spec(acme, bucket.spec.label, purpose="a"), "", by=asker(ana))
    Operation.objects.update(state=State.FAILED)
    running = buckets.change(acme, bucket.spec, mirrored.spec(acme, bucket.spec.label, purpose="b"), "", by=asker(ben))

    browser.post(old.get_absolute_url() + "retry/")

    assert Operation.objects.get(pk=old.pk).state == State.WAITING
    assert running.get_absolute_url() in browser.get(old.get_absolute_url()).content.decode()


def test_a_deleted_bucket_says_who_deleted_it(
    acme: Project, ana: Person, ben: Person, browser: Client, bucket: MirroredStack
) -> None:
    buckets.delete(acme, bucket.spec.name, by=asker(ana))
    Operation.objects.update(state=State.SUCCEEDED)
    mirror.partition(acme).delete(bucket.stack_id, observed_at="2026-11-23T12:00:00.000Z#9")
    address = f"/projects/{acme.slug}/buckets/{bucket.spec.name}/"

    whole, fragment = browser.get(address), browser.get(address, headers={"HX-Request": "true"})

    assert (whole.status_code, fragment.status_code) == (410, 200)
    for answer in (whole, fragment):
        assert "You deleted" in answer.content.decode()
    browser.force_login(ben)
    assert f"{ana} deleted" in browser.get(address).content.decode()
    assert browser.get(f"/projects/{acme.slug}/buckets/never-was/").status_code == 404


def test_a_bucket_that_only_events_told_of_has_no_row_of_its_own(
    acme: Project, ana: Person, browser: Client, label: str
) -> None:
    operation = buckets.create(acme, spec_for(acme, ana, label), by=asker(ana))
    made = mirrored.stack(acme, mirrored.spec(acme, label), StackStatus.CREATE_IN_PROGRESS)
    heard = replace(made, spec=None, fingerprint="", heard_only=True)
    mirrored.fill(acme, [heard])

    words = browser.get(f"/projects/{acme.slug}/buckets/").content.decode()

    assert words.count("<tr id=") == 1
    assert operation.target_name in words
    assert made.name not in words
    assert "still being read" not in words
