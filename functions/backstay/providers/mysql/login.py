"""One login over verified TLS, and one query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pymysql

from backstay.core.errors import Denied, Unreachable

if TYPE_CHECKING:
    import ssl

    from backstay.core.ports import Credentials

_SECONDS: Final = 10
# MySQL error reference: 1045 access denied, 1698 access denied without password.
_REFUSED_LOGIN: Final = frozenset({1045, 1698})


def login(endpoint: tuple[str, int], credentials: Credentials, tls: ssl.SSLContext) -> str:
    """Logs in and asks the server who it is.

    Returns:
        e.g. ``MySQL 8.4.3``.

    Raises:
        Denied: the server refused user or password.
        Unreachable: no server, no TLS that verifies, or a server that is not ready; a read-only one is not.
    """
    host, port = endpoint
    where = f"{host}:{port}"
    try:
        with (
            pymysql.connect(
                host=host,
                port=port,
                user=credentials.user,
                password=credentials.password,
                ssl=tls,
                connect_timeout=_SECONDS,
                read_timeout=_SECONDS,
                write_timeout=_SECONDS,
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("select version(), @@global.read_only")
            row = cursor.fetchone()
    except pymysql.err.OperationalError as exc:
        code = exc.args[0] if exc.args else 0
        if code in _REFUSED_LOGIN:
            raise Denied(f"{where} refused the login", call="login", code=str(code)) from exc
        raise Unreachable(f"{where}: {exc}", call="login", code=str(code)) from exc
    except (pymysql.err.Error, OSError) as exc:
        raise Unreachable(f"{where}: {exc}", call="login") from exc
    if row is None or row[1]:
        raise Unreachable(f"{where} is read-only", call="login")
    return f"MySQL {row[0]}"
