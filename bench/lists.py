"""The data of a list: from the mirror, and by reading every template from CloudFormation, as one would without it."""

import secrets
import time
from concurrent.futures import ThreadPoolExecutor

from bench import product
from bench.report import Report, median_of, milliseconds
from portal.launcher import Launcher

SIZES = (10, 100, 500)
MUST = {10: 2.5, 100: 9, 500: 40}
MUST_WITH_DELAYS = 50
CLOUDFORMATION_SECONDS, DYNAMODB_SECONDS = 0.15, 0.004
PATIENCE_SECONDS = 300


def run(launcher: Launcher, report: Report) -> None:
    """Measure both at each size, without and with the delays of AWS."""
    from projects import bucket_pages
    from projects.models import Project

    project = Project.objects.get(slug="harbour-logistics")
    query = bucket_pages.Query()
    for child in ("worker", "web"):
        launcher.stop_child(child)
    report.title("List data: the mirror against reading every template from CloudFormation")
    for size in SIZES:
        _grow(project, size)
        _assert_same(project)
        ours = median_of(lambda: bucket_pages.page(project, query), rounds=15)
        theirs = median_of(lambda: _read_everything(project), rounds=3)
        report.figure(f"{size} buckets, mirror", ours, "ms")
        report.figure(f"{size} buckets, CloudFormation", theirs, "ms")
        report.figure(f"{size} buckets, no delays: times faster", theirs / ours, "x", at_least=MUST[size])
        with product.delays(launcher, cloudformation=CLOUDFORMATION_SECONDS, dynamodb=DYNAMODB_SECONDS):
            ours = median_of(lambda: bucket_pages.page(project, query), rounds=15)
            theirs = milliseconds(lambda: _read_everything(project))
        report.figure(f"{size} buckets, 150 ms and 4 ms: times faster", theirs / ours, "x", at_least=MUST_WITH_DELAYS)


def _read_everything(project: object) -> list[str]:
    """Return the names that a list would show, read from CloudFormation alone."""
    from projects.models import Project
    from projects.stacks import accounts
    from projects.stacks.naming import Kind, kind_of
    from projects.stacks.templates import read

    assert isinstance(project, Project)
    reader = accounts.reader(project)
    stacks = [stack for stack in reader.list() if kind_of(stack.name) == Kind.BUCKET]
    return sorted(read(reader.template(stack.stack_id)).spec.name for stack in stacks)


def _assert_same(project: object) -> None:
    """Fail when the mirror does not hold what CloudFormation does: then the comparison would be worth nothing."""
    from projects import bucket_pages
    from projects.models import Project

    assert isinstance(project, Project)
    page = bucket_pages.page(project, bucket_pages.Query())
    held = sorted(name for name in page.listing.names if page.listing.bucket(name).stack)
    assert held == _read_everything(project), "the mirror and CloudFormation differ"


def _grow(project: object, size: int) -> None:
    """Create stacks until there are so many, and mirror them by reading: their events would take moto minutes."""
    from projects.models import Project
    from projects.stacks import accounts, mirror, reading
    from projects.stacks.naming import Kind, bucket_name, stack_name
    from projects.stacks.spec import BucketSpec
    from projects.stacks.status import parse
    from projects.stacks.steps.common import tags_of
    from projects.stacks.templates import RESOURCE_TYPES, body, render

    assert isinstance(project, Project)
    deployer, baseline = accounts.deployer(project, actor="bench"), accounts.baseline(project)

    def create(_number: int) -> None:
        label = f"b{secrets.token_hex(5)}"
        name = bucket_name(project.bucket_prefix, label, project.account_id, project.region)
        spec = BucketSpec(name, label, "A bucket of the bench", "ana@example.com")
        deployer.create(
            stack_name(Kind.BUCKET, label, "abc234"),
            body(render(Kind.BUCKET, spec, baseline)),
            token=secrets.token_hex(8),
            resource_types=RESOURCE_TYPES[Kind.BUCKET],
            tags=tags_of(spec),
        )

    reader, mine = accounts.reader(project), mirror.partition(project)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(create, range(size - len(_read_everything(project)))))
    deadline = time.monotonic() + PATIENCE_SECONDS
    for stack in reader.list():
        while parse(reader.describe(stack.stack_id).status).running:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{stack.name} is still being made")
            time.sleep(0.1)
        if mine.get(stack.stack_id) is None:
            reading.read_again(project, stack.stack_id)
