"""One login over verified TLS, and one query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pg8000.exceptions
import pg8000.native

from backstay.core.errors import Denied, Unreachable

if TYPE_CHECKING:
    import ssl

    from backstay.core.ports import Credentials

_SECONDS: Final = 10
# PostgreSQL manual, appendix A: class 28 is "invalid authorization"; 57P03 is "cannot connect now" (starting up).
_REFUSED_LOGIN: Final = ("28",)


def login(endpoint: tuple[str, int], credentials: Credentials, tls: ssl.SSLContext) -> str:
    """Logs in to ``postgres`` and asks the server who it is.

    Returns:
        e.g. ``PostgreSQL 17.10``.

    Raises:
        Denied: the server refused user or password.
        Unreachable: no server, no TLS that verifies, or a server that is not ready; one in recovery, which would refuse
            every write, is not.
    """
    host, port = endpoint
    where = f"{host}:{port}"
    try:
        with pg8000.native.Connection(
            credentials.user,
            host=host,
            port=port,
            database="postgres",
            password=credentials.password,
            ssl_context=tls,
            timeout=_SECONDS,
            application_name="backstay",
        ) as connection:
            rows = connection.run("select split_part(version(), ' ', 2), pg_is_in_recovery()")
    except pg8000.exceptions.DatabaseError as exc:
        error = exc.args[0] if exc.args and isinstance(exc.args[0], dict) else {}
        code, message = str(error.get("C", "")), str(error.get("M", ""))
        if code.startswith(_REFUSED_LOGIN):
            raise Denied(f"{where} refused the login: {message}", call="login", code=code) from exc
        raise Unreachable(f"{where} is not ready: {message}", call="login", code=code) from exc
    except (pg8000.exceptions.Error, OSError) as exc:
        raise Unreachable(f"{where}: {exc}", call="login") from exc
    version, in_recovery = rows[0]
    if in_recovery:
        raise Unreachable(f"{where} is still in recovery and would refuse every write", call="login")
    return f"PostgreSQL {version}"
