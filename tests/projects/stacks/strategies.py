"""Specs at random: those that a form would let through, and texts that it would not."""

from hypothesis import strategies as st

from projects.stacks.naming import bucket_name, label_limit
from projects.stacks.spec import PURPOSE_MAXIMUM, VERSIONS_DAYS, BucketSpec, Retention, resolves, unprintable
from projects.stacks.templates import RenderContext

ACCOUNT_ID = "111122223333"
REGION = "eu-west-1"
CONTEXT = RenderContext(
    f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    f"stackport-logs-{ACCOUNT_ID}-{REGION}-an",
)

labels = st.from_regex(r"[a-z0-9]{1,10}(-[a-z0-9]{1,10}){0,1}", fullmatch=True).filter(
    lambda label: len(label) <= label_limit("acme", ACCOUNT_ID, REGION)
)
purposes = (
    st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cc", "Cs", "Cn", "Zl", "Zp"]), min_size=1)
    .map(lambda text: text[:PURPOSE_MAXIMUM])
    .filter(lambda text: bool(text.strip()) and not unprintable(text) and not resolves(text))
)
owners = st.from_regex(r"[a-z0-9._%+=/-]{1,20}@[a-z0-9-]{1,20}\.[a-z]{2,6}", fullmatch=True)
tag_texts = st.text("abcXYZ019 .:/=+-_@äß日本", min_size=1, max_size=30).filter(
    lambda text: bool(text.strip()) and not text.lower().startswith(("aws:", "stackport:"))
)
tags = st.lists(st.tuples(tag_texts, tag_texts), max_size=8, unique_by=lambda tag: tag[0]).map(tuple)


@st.composite
def bucket_specs(draw: st.DrawFn) -> BucketSpec:
    """A bucket that a manager could ask for."""
    label = draw(labels)
    return BucketSpec(
        name=bucket_name("acme", label, ACCOUNT_ID, REGION),
        label=label,
        purpose=draw(purposes),
        owner=draw(owners),
        retention=draw(st.sampled_from(Retention)),
        versions_days=draw(st.sampled_from(VERSIONS_DAYS)),
        tags=draw(tags),
    )
