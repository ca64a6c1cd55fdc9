"""Logins whose servers a lab does not have: MySQL, and PostgreSQL in states that pass."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import pg8000.exceptions
import pymysql
import pytest

from backstay.core.errors import Denied, ProviderError, Unreachable
from backstay.core.ports import Credentials
from backstay.providers.mysql.login import login as mysql
from backstay.providers.postgres.login import login as postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WHERE = ("orders.eu-west-2.rds.amazonaws.com", 3306)
WHO = Credentials("app", "planted-Passw0rd")
TLS = ssl.create_default_context()


class Server:
    """What a client library gives back: connection, cursor and rows in one."""

    def __init__(self, row: tuple[Any, ...] | None) -> None:
        self.row = row

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @contextmanager
    def cursor(self) -> Iterator[Server]:
        yield self

    def execute(self, _query: str) -> None:
        return None

    def fetchone(self) -> tuple[Any, ...] | None:
        return self.row

    def run(self, _query: str) -> list[tuple[Any, ...] | None]:
        return [self.row]


def answering(row: tuple[Any, ...] | None, seen: dict[str, Any]) -> Callable[..., Server]:
    def connect(*_: Any, **given: Any) -> Server:
        seen.update(given)
        return Server(row)

    return connect


def refusing(error: Exception) -> Callable[..., Server]:
    def connect(*_: Any, **_given: Any) -> Server:
        raise error

    return connect


def test_given_a_mysql_server_when_logged_in_then_over_the_given_tls_and_it_says_what_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr("pymysql.connect", answering(("8.4.3", 0), seen))
    assert mysql(WHERE, WHO, TLS) == "MySQL 8.4.3"
    assert seen["ssl"] is TLS
    assert 0 < seen["connect_timeout"] <= 30


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (pymysql.err.OperationalError(1045, "Access denied for user"), Denied),
        (pymysql.err.OperationalError(1698, "Access denied for user"), Denied),
        (pymysql.err.OperationalError(2003, "Can't connect"), Unreachable),
        (pymysql.err.OperationalError(2026, "SSL is required but the server doesn't support it"), Unreachable),
        (pymysql.err.OperationalError(), Unreachable),
        (pymysql.err.InternalError("packet"), Unreachable),
        (ssl.SSLCertVerificationError("unable to get local issuer certificate"), Unreachable),
        (ConnectionResetError(), Unreachable),
    ],
)
def test_given_a_mysql_login_that_fails_when_tried_then_what_it_means_and_no_password(
    monkeypatch: pytest.MonkeyPatch, error: Exception, kind: type[ProviderError]
) -> None:
    monkeypatch.setattr("pymysql.connect", refusing(error))
    with pytest.raises(ProviderError) as caught:
        mysql(WHERE, WHO, TLS)
    assert type(caught.value) is kind
    assert caught.value.call == "login"
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("row", [("8.4.3", 1), None])
def test_given_a_mysql_server_that_would_refuse_writes_when_logged_in_then_it_is_not_ready(
    monkeypatch: pytest.MonkeyPatch, row: tuple[Any, ...] | None
) -> None:
    monkeypatch.setattr("pymysql.connect", answering(row, {}))
    with pytest.raises(Unreachable, match="read-only"):
        mysql(WHERE, WHO, TLS)


def test_given_a_postgres_server_in_recovery_when_logged_in_then_it_is_not_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr("pg8000.native.Connection", answering(("17.2", True), seen))
    with pytest.raises(Unreachable, match="recovery"):
        postgres(WHERE, WHO, TLS)
    assert seen["ssl_context"] is TLS


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (pg8000.exceptions.DatabaseError({"C": "28P01", "M": "password authentication failed"}), Denied),
        (pg8000.exceptions.DatabaseError({"C": "28000", "M": "no pg_hba.conf entry"}), Denied),
        (pg8000.exceptions.DatabaseError({"C": "57P03", "M": "the database system is starting up"}), Unreachable),
        (pg8000.exceptions.DatabaseError("odd"), Unreachable),
        (pg8000.exceptions.InterfaceError("Server refuses SSL"), Unreachable),
        (TimeoutError(), Unreachable),
    ],
)
def test_given_a_postgres_login_that_fails_when_tried_then_what_it_means_and_no_password(
    monkeypatch: pytest.MonkeyPatch, error: Exception, kind: type[ProviderError]
) -> None:
    monkeypatch.setattr("pg8000.native.Connection", refusing(error))
    with pytest.raises(ProviderError) as caught:
        postgres(WHERE, WHO, TLS)
    assert type(caught.value) is kind
    assert caught.value.call == "login"
    assert "planted" not in str(caught.value)
