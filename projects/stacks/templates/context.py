"""What the account's baseline gives to every template, as literal values: an export would freeze the baseline."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RenderContext:
    """The literals of one account that a bucket's template holds; `read` finds them there again."""

    key_arn: str  # the account's KMS key
    log_bucket: str

    @property
    def partition(self) -> str:
        """AWS's partition, such as aws or aws-cn."""
        return self.key_arn.split(":")[1]

    @property
    def region(self) -> str:
        """The Region that the key, and so the bucket, lives in."""
        return self.key_arn.split(":")[3]

    @property
    def account_id(self) -> str:
        """The account that the key, and so the bucket, lives in."""
        return self.key_arn.split(":")[4]
