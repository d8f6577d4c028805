import pytest

from projects.stacks.naming import Kind, bucket_name, kind_of, label_limit, label_of, stack_name


def test_a_bucket_name_is_of_the_account_regional_namespace() -> None:
    assert bucket_name("acme", "in", "111122223333", "eu-west-1") == "acme-in-111122223333-eu-west-1-an"


@pytest.mark.parametrize("region", ["eu-west-1", "eu-central-1", "ap-southeast-1"])
@pytest.mark.parametrize("prefix", ["a", "harbour-logistics"])
def test_the_longest_label_just_fits(prefix: str, region: str) -> None:
    limit = label_limit(prefix, "111122223333", region)
    assert len(bucket_name(prefix, "x" * limit, "111122223333", region)) == 63


@pytest.mark.parametrize("kind", Kind)
def test_a_stack_name_tells_its_kind(kind: Kind) -> None:
    assert kind_of(stack_name(kind, "my-invoices", "abc123")) is kind


def test_a_stack_name_tells_its_label_and_other_names_none() -> None:
    assert label_of(stack_name(Kind.BUCKET, "my-invoices", "abc123")) == "my-invoices"
    assert label_of("acme-in-111122223333-eu-west-1-an") == "acme-in-111122223333-eu-west-1-an"


@pytest.mark.parametrize(
    "name",
    [
        "stackport-baseline",
        "portal-castle-x-abc123",
        "portal-bucket-abc123",
        "portal-bucket-in-abc",
        "my-portal-bucket-in-abc123",
        "",
    ],
)
def test_other_stacks_are_not_the_portals(name: str) -> None:
    assert kind_of(name) is None
