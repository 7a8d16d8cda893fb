"""What every AWS connector shares: its credentials section, clients that never retry, and error codes as outcomes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore import exceptions as boto
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.loaders import Loader, create_loader
from botocore.parsers import ResponseParserError
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from activities._aws_codes import AUTH, CONFLICT, MISSING, TAKEN, TRANSIENT, UNSUPPORTED
from activities._fence import before_write
from stanch.errors import AuthBlocked, ConnectorError, Gone, Rejected, RetrySafe, Uncertain

THROTTLE_SECONDS = 2.0

_FULL = "LimitExceededException"  # API Gateway answers it with 429 as well
_NOT_SENT = (boto.ConnectTimeoutError, boto.EndpointConnectionError, boto.ProxyConnectionError)
_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
    boto.UnauthorizedSSOTokenError,
)
_SAFE_CODE = re.compile(r"[A-Za-z][A-Za-z0-9.]{1,79}")


class LockConflict(RetrySafe):
    """Somebody else wrote between our read and our write; read again and recompute before the next try."""


class NotThere(Gone):
    """The object named in the request does not exist."""


class Taken(Rejected):
    """There is an object of that name already."""


class AwsAccess(BaseModel):
    """How a connector reaches AWS. Without keys or a role the default chain of boto3 serves (profile, pod, instance).

    Args:
        endpoint_url: for private endpoints and the sandbox.
        role_arn: role taken over for each call, with `external_id` where the account asks for one.
        connect_timeout: seconds; also `read_timeout`. Both stay below the attempt time of the actions.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")
    endpoint_url: str | None = None
    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    role_arn: str | None = None
    external_id: str | None = None
    connect_timeout: float = Field(default=3.0, gt=0, le=30)
    read_timeout: float = Field(default=8.0, gt=0, le=60)


def make_client(service: str, access: AwsAccess) -> Any:
    """A boto3 client with one attempt per call and explicit timeouts: Temporal owns retrying.

    Clients are safe to share between threads.
    """
    session = _session(access)
    config = Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=access.connect_timeout,
        read_timeout=access.read_timeout,
        max_pool_connections=20,
        user_agent_extra="stanch",
    )
    make: Any = session.client  # its overloads want literal service names
    return make(service, config=config, endpoint_url=access.endpoint_url)


@cache
def _models() -> Loader:
    return create_loader()  # reading a service model takes 0.2 s; it is the same for every client


def _core() -> botocore.session.Session:
    session = botocore.session.get_session()
    session.register_component("data_loader", _models())
    return session


def _session(access: AwsAccess) -> boto3.session.Session:
    base = boto3.session.Session(
        botocore_session=_core(),
        aws_access_key_id=_open(access.access_key_id),
        aws_secret_access_key=_open(access.secret_access_key),
        aws_session_token=_open(access.session_token),
        region_name=access.region,
    )
    return _assumed(base, access, access.role_arn) if access.role_arn else base


def _assumed(base: boto3.session.Session, access: AwsAccess, role_arn: str) -> boto3.session.Session:
    def sts(service: str, **options: Any) -> Any:
        make: Any = base.client
        return make(service, endpoint_url=access.endpoint_url, **options)

    extra = {"RoleSessionName": "stanch"} | ({"ExternalId": access.external_id} if access.external_id else {})
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=sts, source_credentials=base.get_credentials(), role_arn=role_arn, extra_args=extra
    )
    inner = _core()
    inner._credentials = DeferredRefreshableCredentials(  # type: ignore[attr-defined]
        method="assume-role", refresh_using=fetcher.fetch_credentials
    )
    return boto3.session.Session(botocore_session=inner, region_name=access.region)


def _open(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


@contextmanager
def outcome(operation: str, *, write: bool) -> Iterator[None]:
    """Turn what boto3 raises inside into one of the four outcomes.

    Args:
        operation: the AWS operation, for the message. Members that its answer must have are read inside the block,
            so that a proxy's page with status 200 does not pass for success.
        write: it changes something, so a lost answer is Uncertain rather than RetrySafe.

    Raises:
        Rejected, AuthBlocked, RetrySafe, Uncertain: by error code and kind of failure; the vendor's text is not kept.
    """
    if write:
        before_write()
    try:
        yield
    except boto.ClientError as error:
        failure = _from_answer(operation, write, error)
    except boto.BotoCoreError as error:
        failure = _from_transport(operation, write, error)
    except (ResponseParserError, KeyError):
        failure = _lost(f"the answer to {operation} is not one that AWS gives", write=write)
    else:
        return
    raise failure from None  # the vendor's text must not show up in tracebacks either


def request_id(answer: Mapping[str, Any]) -> str:
    """AWS's id of an answered request; a page that some proxy made has none, and raises KeyError for `outcome`."""
    return str(answer["ResponseMetadata"]["RequestId"])


def _from_answer(operation: str, write: bool, error: boto.ClientError) -> ConnectorError:
    response: Mapping[str, Any] = error.response
    raw = str(response.get("Error", {}).get("Code", ""))
    code = raw if _SAFE_CODE.fullmatch(raw) else "an unreadable code"
    meta: Mapping[str, Any] = response.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode", 0) or 0)
    words = f"AWS answered {operation} with {code} (status {status})"
    if code in CONFLICT:
        return LockConflict(words, retry_after=1.0, hint="it is read and computed again")
    if code == _FULL:
        return Rejected(words, hint="a quota of the account is used up; repeating the same call cannot help")
    if code in TRANSIENT or status == 429:
        return RetrySafe(words, retry_after=_retry_after(meta), hint="AWS asks for fewer calls")
    if code in AUTH or status in (401, 403):
        return AuthBlocked(words, hint="check the credentials and the policy in deploy/iam")
    if code in UNSUPPORTED:
        return Rejected(f"{operation} is unsupported at this endpoint ({code})", hint="check endpoint_url and region")
    if code in TAKEN:
        return Taken(words, hint="somebody else has made it; look at it there")
    if code in MISSING or status == 404:
        return NotThere(words, hint="check the names in stanch.toml; somebody may have deleted the object")
    return _by_status(words, write=write, status=status)


def _by_status(words: str, *, write: bool, status: int) -> ConnectorError:
    if status >= 500 or not 400 <= status < 500:
        return _lost(words, write=write)
    return Rejected(words, hint="repeating the same call cannot help")


def _from_transport(operation: str, write: bool, error: boto.BotoCoreError) -> ConnectorError:
    kind = type(error).__name__
    if isinstance(error, _NO_CREDENTIALS):
        return AuthBlocked(f"no usable AWS credentials for {operation} ({kind})", hint="see the connector's section")
    if isinstance(error, boto.ParamValidationError):
        return Rejected(f"the request for {operation} does not fit the AWS model", hint="report this with the case")
    if isinstance(error, _NOT_SENT):
        return RetrySafe(f"{operation} could not be sent ({kind})", hint="check the network path to AWS")
    return _lost(f"no usable answer to {operation} ({kind})", write=write)


def _lost(words: str, *, write: bool) -> ConnectorError:
    if write:
        return Uncertain(words, hint="the object is read back before anything is sent again")
    return RetrySafe(words, retry_after=THROTTLE_SECONDS)


def _retry_after(meta: Mapping[str, Any]) -> float:
    text = str(meta.get("HTTPHeaders", {}).get("retry-after", ""))
    return float(text) if re.fullmatch(r"\d{1,5}", text) else THROTTLE_SECONDS
