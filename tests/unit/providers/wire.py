"""What the AWS provider sends, request by request, signed and serialised by botocore; answered with form alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

if TYPE_CHECKING:
    import pytest

HOME_KEY = "AKIAHOME"


@dataclass(frozen=True, slots=True)
class Sent:
    """One request.

    Attributes:
        who: the access key that signed it.
        region: that it is signed for.
        given: its parameters, as the query protocol or JSON has them.
    """

    action: str
    region: str
    who: str
    given: dict[str, str]


class _Raw:
    """The part of a response that botocore reads."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: object, **__: object) -> list[bytes]:
        return [self._body]


@dataclass
class Wire:
    """Every request since it was laid, oldest first.

    Attributes:
        answers: what an action answers: the XML within its result, or JSON; nothing unless told.
        refusals: actions that are refused, with the error's code.
    """

    sent: list[Sent] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)

    def lay(self, patch: pytest.MonkeyPatch) -> Wire:
        """From now on nothing reaches the network."""
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_CONFIG_FILE", "/dev/null")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        patch.setenv("AWS_ACCESS_KEY_ID", HOME_KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
        patch.setenv("AWS_MAX_ATTEMPTS", "1")
        patch.setattr("botocore.httpsession.URLLib3Session.send", lambda _, request: self._answer(request))
        return self

    def _answer(self, request: Any) -> AWSResponse:
        sent = _read(request)
        self.sent.append(sent)
        as_json = "X-Amz-Target" in request.headers
        code = self.refusals.get(sent.action)
        status, text = (200, self._good(sent, as_json=as_json)) if code is None else (400, _bad(code, as_json=as_json))
        raw: Any = _Raw(text.encode())
        return AWSResponse(request.url, status, HTTPHeaders(), raw)

    def _good(self, sent: Sent, *, as_json: bool) -> str:
        if as_json:
            return self.answers.get(sent.action, "{}")
        inner = _session(sent) if sent.action == "AssumeRole" else self.answers.get(sent.action, "")
        return f"<{sent.action}Response><{sent.action}Result>{inner}</{sent.action}Result></{sent.action}Response>"

    def only(self) -> Sent:
        """The one request that there was."""
        (sent,) = self.sent
        return sent


def _bad(code: str, *, as_json: bool) -> str:
    if as_json:
        return json.dumps({"__type": code, "message": "refused by the test"})
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>refused by the test</Message></Error></ErrorResponse>"


def _session(sent: Sent) -> str:
    """Credentials whose access key is the name of the role."""
    key = sent.given["RoleArn"].rpartition("/")[2]
    return (
        f"<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
        "<SessionToken>t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>"
    )


def _read(request: Any) -> Sent:
    body = request.body.decode() if isinstance(request.body, bytes) else request.body
    credential = _text(request.headers["Authorization"]).split("Credential=")[1].split("/")
    target = request.headers.get("X-Amz-Target")
    if target is not None:
        return Sent(_text(target).split(".")[-1], credential[2], credential[0], json.loads(body))
    given = dict(parse_qsl(body, keep_blank_values=True))
    del given["Version"]
    return Sent(given.pop("Action"), credential[2], credential[0], given)


def _text(header: str | bytes) -> str:
    return header.decode() if isinstance(header, bytes) else header


def signed_url(url: str) -> tuple[str, str, dict[str, str]]:
    """Of a presigned URL: host, who signed it, and its parameters."""
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    return parts.netloc, given["X-Amz-Credential"].split("/")[0], given
