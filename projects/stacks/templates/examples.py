"""Every kind of template in all its options, ugly names included: what cfn-lint and reviewers look at."""

from dataclasses import replace

from projects.stacks.naming import Kind, bucket_name, label_limit
from projects.stacks.spec import PURPOSE_MAXIMUM, TAGS_MAXIMUM, VERSIONS_DAYS, BucketSpec, Retention
from projects.stacks.templates import baseline
from projects.stacks.templates.context import RenderContext
from projects.stacks.templates.document import Template
from projects.stacks.templates.rendering import render

ACCOUNT_ID = "111122223333"  # the account of AWS's own examples
REGION = "eu-central-1"
CONTEXT = RenderContext(
    key_arn=f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    log_bucket=f"stackport-logs-{ACCOUNT_ID}-{REGION}-an",
)
PREFIX = "acme"


def example(label: str = "invoices") -> BucketSpec:
    """Return an ordinary bucket."""
    name = bucket_name(PREFIX, label, ACCOUNT_ID, REGION)
    return BucketSpec(name, label, "Invoices from Acme, monthly", "ana@example.com")


def specs() -> dict[str, BucketSpec]:
    """Return bucket specs by a name for their file."""
    plain = example()
    found = {f"retention-{retention}": replace(plain, retention=retention) for retention in Retention}
    found |= {f"versions-{days}-days": replace(plain, versions_days=days) for days in VERSIONS_DAYS}
    return found | {
        "shortest-label": example("a"),
        "longest-label": example("x" * label_limit(PREFIX, ACCOUNT_ID, REGION)),
        "label-of-digits": example("2026-01-0"),
        "longest-purpose": replace(plain, purpose="\N{LATIN SMALL LETTER U WITH DIAERESIS}" * PURPOSE_MAXIMUM),
        "purpose-like-an-intrinsic": replace(plain, purpose='{"Ref": "AWS::AccountId"} $AWS::Region !Sub'),
        "purpose-like-markup": replace(plain, purpose="</script><b>'\"\\ -- ; %s {{ }} \N{SNOWMAN}"),
        "ugly-owner": replace(plain, owner="a.b+c_d=e/f@sub-domain.example.com"),
        "most-tags": replace(plain, tags=tuple((f"key {n}", f"value:{n}/=+-_.@") for n in range(TAGS_MAXIMUM))),
        "ugly-tags": replace(plain, tags=(("Größe", "日本"), ("empty", ""), ("k" * 128, "v" * 256))),
    }


def templates() -> dict[str, Template]:
    """Return every template by the name of its file."""
    found = {f"bucket-{name}": render(Kind.BUCKET, spec, CONTEXT) for name, spec in specs().items()}
    return found | {
        "bucket-deleting": render(Kind.BUCKET, example(), CONTEXT, deleting=True),
        "baseline": baseline.template(),
        "baseline-literal-portal": baseline.template(portal_account_id=ACCOUNT_ID),
        "probe": baseline.probe(),
    }
