"""Parts of pages say how old the news behind them may be."""

import pytest
from django.test import Client

from notifications import pulse
from people.models import Person
from portal.news import HEADER
from projects.models import Project

HTMX = {"HX-Request": "true"}


@pytest.mark.usefixtures("portal")
def test_parts_of_pages_tell_how_long_ago_news_could_arrive(manager: Person, project: Project, client: Client) -> None:
    client.force_login(manager)
    page = f"/projects/{project.slug}/buckets/"
    pulse.beat()
    assert 0 <= float(client.get(page, headers=HTMX).headers[HEADER]) < 5
    assert HEADER not in client.get(page).headers
    assert HEADER not in client.get("/projects/none/", headers=HTMX).headers
