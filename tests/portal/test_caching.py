"""What browsers are told about keeping pages."""

import pytest
from django.test import Client

from people.models import Person
from projects.models import Project

HTMX = {"HX-Request": "true"}


@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_page_and_its_fragment_are_kept_apart_and_by_nobody(
    manager: Person, project: Project, client: Client, headers: dict[str, str]
) -> None:
    client.force_login(manager)
    for address in ("/", f"/projects/{project.slug}/", f"/projects/{project.slug}/buckets/", "/projects/none/"):
        answer = client.get(address, headers=headers)
        assert "HX-Request" in answer.headers["Vary"], address
        assert set(answer.headers["Cache-Control"].split(", ")) >= {"private", "no-store"}, address


def test_what_is_no_page_says_nothing(client: Client) -> None:
    assert "Cache-Control" not in client.get("/healthz").headers


@pytest.mark.usefixtures("portal")
def test_the_answer_to_a_form_may_be_shown_again_by_its_own_browser(
    manager: Person, project: Project, client: Client
) -> None:
    client.force_login(manager)
    answer = client.post(f"/projects/{project.slug}/new-bucket/", {"label": "x"})
    assert answer.status_code == 422
    assert set(answer.headers["Cache-Control"].split(", ")) == {"private", "no-cache"}
