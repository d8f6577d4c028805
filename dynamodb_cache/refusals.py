"""What AWS and boto3 refuse, in one line that says how to mend it: for the commands, whose reader is a person.

Source: "Error handling with DynamoDB" of the developer guide; botocore.exceptions.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from dynamodb_cache.errors import AccessDenied, DynamoDBCacheError, TableMissing, Throttled, Unavailable

THROTTLES = {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"}
_DENIED = {"AccessDeniedException", "AccessDenied"}
_UNKNOWN_KEY = {"UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException"}
_EXPIRED = {"ExpiredTokenException", "ExpiredToken", "RequestExpired"}
_NO_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.SSOError,
    exceptions.TokenRetrievalError,
    exceptions.ProfileNotFound,
)
_SILENT = (exceptions.HTTPClientError, exceptions.ConnectionError)


@contextmanager
def explained(table: str) -> Iterator[None]:
    """Turn botocore's exceptions into ours. Raises TableMissing, Unavailable."""
    try:
        yield
    except ClientError as error:
        raise _refused(table, error) from error
    except BotoCoreError as error:
        raise Unavailable(_unasked(table, error)) from error


def code_of(error: ClientError) -> str:
    """Return AWS's code of an error."""
    code: str = error.response["Error"]["Code"]
    return code


def _refused(table: str, error: ClientError) -> DynamoDBCacheError:
    code = code_of(error)
    said = " ".join(error.response["Error"].get("Message", "").split()) or code
    if code == "ResourceNotFoundException":
        return TableMissing(f"Table {table} does not exist. Run `manage.py dynamodb_cache create`.")
    if code in _DENIED:
        return AccessDenied(f"{table}: access denied. {said} `manage.py dynamodb_cache template` prints the policies.")
    if code in _UNKNOWN_KEY:
        return AccessDenied(f"{table}: AWS does not know these credentials. {said}")
    if code in _EXPIRED:
        return AccessDenied(f"{table}: the credentials have expired; sign in again. {said}")
    if code in THROTTLES:
        return Throttled(f"{table}: throttled for too long; try again later. {said}")
    return Unavailable(f"{table}: {code}: {said}")


def _unasked(table: str, error: BotoCoreError) -> str:
    said = " ".join(str(error).split())
    if isinstance(error, exceptions.NoRegionError):
        return f"{table}: no Region. Set the option REGION, AWS_DEFAULT_REGION, or `region` in the AWS config file."
    if isinstance(error, _NO_CREDENTIALS):
        return f"{table}: no AWS credentials ({said}). Give the process a role, AWS_PROFILE, or AWS_ACCESS_KEY_ID."
    if isinstance(error, _SILENT):
        return f"{table}: DynamoDB does not answer ({said}). Check ENDPOINT_URL, AWS_ENDPOINT_URL and the network."
    return f"{table}: {said}"
