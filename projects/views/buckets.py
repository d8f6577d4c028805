"""The list of buckets, one bucket, and the forms that change it."""

import json
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from projects import bucket_pages, live
from projects.actions import buckets, obstacles
from projects.actions.buckets import Asker
from projects.bucket_pages import Bucket, Query
from projects.errors import FormUsed, NameTaken, ProjectError
from projects.forms import BucketForm, DeleteForm, KeyedForm, new_request_key
from projects.models import Action, Operation, Project, State
from projects.stacks import mirror
from projects.stacks.changes import conflict_words, conflicts, in_words, losses, rebased, tags_problem
from projects.stacks.mirror import MirroredStack
from projects.stacks.naming import bucket_name
from projects.stacks.protection import PROTECTION
from projects.stacks.spec import BucketSpec
from projects.stacks.templates import indented
from projects.views import rows
from projects.views.access import changing_page, person_of, project_page

SHOWN_OPERATIONS = 20


@require_safe
@project_page
def bucket_list(request: HttpRequest, project: Project) -> HttpResponse:
    """The project's buckets; sorting, filter, search and page stand in the address."""
    page = bucket_pages.page(project, Query.of(request.GET))
    template = "projects/_bucket_list.html" if request.headers.get("HX-Request") else "projects/bucket_list.html"
    context = {
        "project": project,
        "page": page,
        "rows": [rows.bucket_row(project, bucket) for bucket in page.buckets],
        "states": bucket_pages.STATES,
    }
    return render(request, template, context)


@require_safe
@project_page
def bucket_row(request: HttpRequest, project: Project, name: str) -> HttpResponse:
    """One row, for the live update; empty when the bucket is gone, so that its row goes."""
    bucket = bucket_pages.find(project, name)
    if bucket is None:
        return HttpResponse("")
    return HttpResponse(rows.bucket_row(project, bucket))


@require_safe
@project_page
def bucket_detail(request: HttpRequest, project: Project, name: str) -> HttpResponse:
    """One bucket: what it is for, who changes it, what was changed."""
    bucket = bucket_pages.find(project, name, person_of(request))
    if bucket is None:
        return _gone(request, project, name)
    operations = list(
        live.of_target(project, bucket.item).with_people().order_by("-created_at")[: SHOWN_OPERATIONS + 1]
    )
    context = {
        "project": project,
        "bucket": bucket,
        "operations": operations[:SHOWN_OPERATIONS],
        "more_operations": len(operations) > SHOWN_OPERATIONS,
        "protection": [words[0].upper() + words[1:] for words in PROTECTION],
    }
    template = "projects/_bucket_detail.html" if request.headers.get("HX-Request") else "projects/bucket_detail.html"
    return render(request, template, context)


@require_safe
@project_page
def bucket_technical(request: HttpRequest, project: Project, name: str) -> HttpResponse:
    """ARNs, template and raw events, read when somebody asks for them."""
    bucket = bucket_pages.find(project, name, person_of(request))
    if bucket is None:
        return _gone(request, project, name)
    stack = bucket.stack
    context = {
        "project": project,
        "bucket": bucket,
        "template": indented(mirror.kept_template(project, stack.stack_id)) if stack else "",
        "events": mirror.kept_events(project, stack.stack_id) if stack else [],
    }
    fragment = request.headers.get("HX-Request")
    return render(request, f"projects/{'_' if fragment else ''}bucket_technical.html", context)


@require_http_methods(["GET", "POST"])
@changing_page
def bucket_create(request: HttpRequest, project: Project) -> HttpResponse:
    """Ask for a new bucket."""
    stamp = live.operations_stamps([project]).get(project.pk, ())
    context = {"project": project, "version": live.activity_version(project, stamp)}
    if request.headers.get("HX-Request"):
        return render(request, "projects/_create_controls.html", context)
    again = _failed(project, Action.CREATE, request.GET.get("again", ""))
    initial = {"owner": person_of(request).email, "request_key": new_request_key()}
    if again is not None:
        initial |= BucketForm.initial_of(BucketSpec.from_document(again.after)) | {"reason": again.reason}
    form = BucketForm(request.POST or None, project=project, initial=initial)
    try:
        if form.is_valid():
            return redirect(buckets.create(project, form.spec(), by=_asker(request, form)))
        if form.is_bound and (taken := obstacles.taken_by(project, form.name)):
            form.add_error("label", taken)
    except NameTaken as refusal:
        form.add_error("label", str(refusal))
    except ProjectError as refusal:
        _refuse(form, refusal)
    return _form_page(request, "projects/bucket_create.html", form, context)


@require_safe
@changing_page
def bucket_name_check(request: HttpRequest, project: Project) -> HttpResponse:
    """Say while somebody types what the final name will be, and whether it is free."""
    label = request.GET.get("label", "").strip()
    context: dict[str, Any] = {"label": label, "name": "", "problem": ""}
    if label:
        name = bucket_name(project.bucket_prefix, label, project.account_id, project.region)
        found = BucketSpec(name=name, label=label, purpose="-", owner="a@example.com").validate()
        if "label" in found:
            context["problem"] = found["label"]
        else:
            problem = found.get("name") or obstacles.taken_by(project, name)
            context |= {"name": name, "problem": problem, "refused_at": obstacles.refused_at(project, name)}
    return render(request, "projects/_name_check.html", context)


@require_http_methods(["GET", "POST"])
@changing_page
def bucket_edit(request: HttpRequest, project: Project, name: str) -> HttpResponse:
    """Change a bucket: first what will change, in words, then the asking."""
    bucket = bucket_pages.find(project, name, person_of(request))
    if request.headers.get("HX-Request"):
        return _around_form(request, project, name, bucket)
    if bucket is None:
        return _gone(request, project, name)
    standing = bucket.stack.spec if bucket.stack else None
    if standing is None or bucket.stack is None:
        return _not_yet(request, project, name, bucket, "edit")
    again = _failed(project, Action.CHANGE, request.GET.get("again", ""))
    initial = {**_begun(again, standing), "request_key": new_request_key()}
    initial |= {"base": bucket.stack.fingerprint, "before": standing.to_document()}
    form = BucketForm(request.POST or None, project=project, standing=standing, initial=initial)
    context = _standing(project, bucket, "edit")
    if form.is_valid() and form.based_on is not None:
        before, asked = form.based_on, form.spec()
        merged = rebased(before, asked, standing)
        context["changes"] = in_words(before, asked)
        context["moved"] = in_words(before, standing)
        if fought_over := conflicts(before.to_document(), asked.to_document(), standing.to_document()):
            _start_over(form, merged, bucket.stack)
            form.add_error(None, conflict_words(fought_over, standing) + " Send it again if you want yours instead.")
        elif problem := tags_problem(merged):
            _start_over(form, merged, bucket.stack)
            form.add_error("tags", problem)
        elif "confirmed" in request.POST:
            try:
                return redirect(
                    buckets.change(project, before, asked, form.cleaned_data["base"], by=_asker(request, form))
                )
            except ProjectError as refusal:
                _refuse(form, refusal)
        elif context["changes"]:
            lost = losses(standing, merged)
            context |= {"form": form, "form_of": "shorten" if lost else "confirm", "losses": lost}
            return render(request, "projects/bucket_confirm.html", context)
        else:
            form.add_error(None, "Nothing is different from what stands now.")
    return _form_page(request, "projects/bucket_edit.html", form, context)


@require_http_methods(["GET", "POST"])
@changing_page
def bucket_delete(request: HttpRequest, project: Project, name: str) -> HttpResponse:
    """Delete an empty bucket, after typing its name."""
    bucket = bucket_pages.find(project, name, person_of(request))
    if request.headers.get("HX-Request"):
        return _around_form(request, project, name, bucket)
    if bucket is None:
        return _gone(request, project, name)
    if bucket.stack is None:
        return _not_yet(request, project, name, bucket, "delete")
    form = DeleteForm(request.POST or None, label=bucket.label, initial={"request_key": new_request_key()})
    if form.is_valid():
        try:
            return redirect(buckets.delete(project, bucket.name, by=_asker(request, form)))
        except ProjectError as refusal:
            _refuse(form, refusal)
    return _form_page(request, "projects/bucket_delete.html", form, _standing(project, bucket, "delete"))


def _deletion(project: Project, name: str) -> Operation | None:
    deletions = live.of_target(project, live.bucket_item(name)).filter(action=Action.DELETE, state=State.SUCCEEDED)
    return deletions.with_people().order_by("-version").first()


def _gone(request: HttpRequest, project: Project, name: str) -> HttpResponse:
    """Say who deleted a bucket and when; one that never was answers like any page that does not exist."""
    deletion = _deletion(project, name)
    if deletion is None:
        raise Http404
    if request.headers.get("HX-Request"):
        return render(request, "projects/_bucket_gone.html", {"project": project, "deletion": deletion})
    return render(request, "projects/bucket_gone.html", {"project": project, "deletion": deletion}, status=410)


def _not_yet(request: HttpRequest, project: Project, name: str, bucket: Bucket | None, form_of: str) -> HttpResponse:
    """Say why there is no form yet, or never will be; the part that lives says when there is one."""
    context = {"project": project, "name": name, "item": live.bucket_item(name), "bucket": bucket, "form_of": form_of}
    context["why_not_yet"] = bucket.why_not_yet(form_of) if bucket else ""
    if request.headers.get("HX-Request"):
        return render(request, "projects/_bucket_not_yet.html", context)
    return render(request, "projects/bucket_not_yet.html", context, status=200 if request.method == "GET" else 409)


def _around_form(request: HttpRequest, project: Project, name: str, bucket: Bucket | None) -> HttpResponse:
    """What stands around an open form, for the live update: who changes the bucket, and what may be sent now.

    The form itself is never touched: somebody types in it.
    """
    if waits_for := request.GET.get("not-yet", ""):
        return _not_yet(request, project, name, bucket, waits_for)
    if bucket is None:
        context = {"project": project, "gone": True, "deletion": _deletion(project, name)}
        return render(request, "projects/_around_form.html", context)
    context = _standing(project, bucket, request.GET.get("form", ""))
    base = request.GET.get("base", "")
    if base and bucket.stack and bucket.stack.fingerprint not in {"", base}:
        changes = live.of_target(project, bucket.item).filter(state=State.SUCCEEDED).with_people()
        context |= {"has_moved": True, "moved_by": changes.order_by("-version").first()}
    return render(request, "projects/_around_form.html", context)


def _standing(project: Project, bucket: Bucket, form_of: str) -> dict[str, Any]:
    """Return what a form of a bucket shows around itself.

    `form_of` is "edit", "confirm", "shorten" (to confirm a change that deletes files) or "delete".
    """
    # What takes no change may still be deleted, unless it stands no more, or soon.
    off = bucket.why_locked if form_of != "delete" or bucket.stack is None or bucket.deletion else ""
    return {"project": project, "bucket": bucket, "form_of": form_of, "why_off": project.why_closed or off}


def _refuse(form: KeyedForm, refusal: ProjectError) -> None:
    """Show why nothing was made of a form, and let it be sent again when it only was used before."""
    if isinstance(refusal, FormUsed):
        form.renew()
    form.add_error(None, str(refusal))


def _start_over(form: KeyedForm, merged: BucketSpec, stack: MirroredStack) -> None:
    """Let a form that could only fail as it was sent begin from what stands, with what was changed in it."""
    before = json.dumps(stack.spec.to_document()) if stack.spec else ""
    form.renew(**BucketForm.initial_of(merged), base=stack.fingerprint, before=before)


def _asker(request: HttpRequest, form: KeyedForm) -> Asker:
    return Asker(person_of(request), form.cleaned_data["request_key"], form.cleaned_data["reason"])


def _failed(project: Project, action: Action, operation_id: str) -> Operation | None:
    """Return an operation that failed, to begin again from what was typed for it."""
    found = Operation.id_of_token(operation_id)
    if found is None:
        return None
    return Operation.objects.filter(pk=found, project=project, action=action, after__isnull=False).first()


def _begun(again: Operation | None, standing: BucketSpec) -> dict[str, Any]:
    """Return what a form begins with: what stands now, and in it what a failed change would have changed."""
    if again is None or again.target_name != standing.name:
        return BucketForm.initial_of(standing)
    before = BucketSpec.from_document(again.before) if again.before else standing
    shown = rebased(before, BucketSpec.from_document(again.after), standing)
    return {**BucketForm.initial_of(shown), "reason": again.reason}


def _form_page(request: HttpRequest, template: str, form: KeyedForm, context: dict[str, Any]) -> HttpResponse:
    """Render a form; one that was refused answers 422, so that no cache or script takes it for a success."""
    return render(request, template, {**context, "form": form}, status=422 if form.errors else 200)
