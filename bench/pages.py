"""The bucket list as a browser gets it: from daphne, signed in, over one connection that stays open."""

import http.client
import statistics
import time
from collections.abc import Callable

from bench import product
from bench.quickdynamodb import SECONDS, QuickDynamoDB, quick_dynamodb
from bench.report import Report, percentile, quietest
from portal.launcher import Launcher

FEW, MANY = 50, 2_000
REQUESTS = 400
WARM_UP = 20


def run(launcher: Launcher, report: Report) -> None:
    """Measure the page for 50 and 2,000 buckets in turn, so that noise meets both alike."""
    report.title(f"Bucket list on daphne, DynamoDB {SECONDS * 1000:.0f} ms, session and sign-in included")
    # The rows made here stand for no stacks: nobody shall compare them meanwhile.
    launcher.stop_child("worker")
    few, many = _project(FEW), _project(MANY)
    with quick_dynamodb(launcher) as dynamodb:
        _measure(launcher, report, dynamodb, few, many)
    launcher.start_worker()


def _measure(launcher: Launcher, report: Report, dynamodb: QuickDynamoDB, few: str, many: str) -> None:
    get = _signed_in(launcher)
    get("/")
    before = product.resident_megabytes(launcher, "web")
    times: dict[str, list[float]] = {few: [], many: []}
    for address in times:
        for _ in range(WARM_UP):
            get(address)
    passed_on = dynamodb.passed_on
    for _ in range(REQUESTS):
        for address, taken in times.items():
            taken.append(get(address))
    if dynamodb.passed_on - passed_on > REQUESTS / 10:
        raise RuntimeError("the lists were written meanwhile: the local AWS was measured, not the portal")
    report.figure(f"{FEW} buckets, p50", statistics.median(times[few]), "ms", at_most=20)
    report.figure(f"{FEW} buckets, p50 of the quietest block", quietest(times[few]), "ms")
    report.figure(f"{FEW} buckets, p99", percentile(times[few], 0.99), "ms", at_most=100)
    report.figure(f"{MANY} buckets, p50", statistics.median(times[many]), "ms")
    ratio = statistics.median(times[many]) / statistics.median(times[few])
    report.figure(f"{MANY} against {FEW} buckets, p50", ratio, "x", at_most=1.3)
    report.figure("Web process, memory with both lists held", product.resident_megabytes(launcher, "web"), "MB")
    report.figure("  of which for these lists", product.resident_megabytes(launcher, "web") - before, "MB")


def _project(buckets: int) -> str:
    """Make a project with so many buckets in its mirror; return the address of its list."""
    from people.models import Person
    from projects.models import Membership, Project, ProjectState, Role
    from projects.stacks import mirror
    from tests.projects import mirrored

    project = Project.objects.create(
        slug=f"bench-{buckets}",
        name=f"Bench {buckets}",
        bucket_prefix="bench",
        region="eu-west-1",
        account_id=f"{buckets:012}",
        state=ProjectState.ACTIVE,
    )
    Membership.objects.create(project=project, person=Person.objects.get(email="ana@example.com"), role=Role.MANAGER)
    labels = (f"bucket-{number:04}" for number in range(buckets))
    mirrored.fill(project, [mirrored.stack(project, mirrored.spec(project, label)) for label in labels])
    mirror.partition(project).set_head(checked_at=time.time())
    return f"/projects/{project.slug}/buckets/"


def _signed_in(launcher: Launcher) -> Callable[[str], float]:
    """Return a function that gets a page as Ana does and returns how long it took, in milliseconds."""
    from django.conf import settings
    from django.test import Client

    from people.models import Person

    client = Client()
    client.force_login(Person.objects.get(email="ana@example.com"))
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    connection = http.client.HTTPConnection("127.0.0.1", launcher.port, timeout=30)

    def get(address: str) -> float:
        started = time.perf_counter()
        connection.request("GET", address, headers={"Cookie": cookie})
        answer = connection.getresponse()
        body = answer.read()
        taken = (time.perf_counter() - started) * 1000
        if answer.status != 200 or (address != "/" and b"bucket-0001" not in body):
            raise RuntimeError(f"{address} answered {answer.status}")
        return taken

    return get
