"""``Secrets`` and ``Logins`` in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from backstay.core.errors import Denied, NotFound, Rejected, Unreachable
from backstay.core.model import Database, Family, Kind, State

if TYPE_CHECKING:
    from backstay.core.model import Scope
    from backstay.core.ports import Credentials
    from backstay.providers.memory.cloud import MemoryCloud

_SERVERS: Final = {Family.POSTGRES: "PostgreSQL", Family.MYSQL: "MySQL"}
_DOWN: Final = frozenset({"creating", "starting", "stopping", "rebooting"})


class MemorySecrets:
    """Master logins of one scope."""

    def __init__(self, cloud: MemoryCloud, scope: Scope) -> None:
        self._cloud, self._scope = cloud, scope

    def master(self, database: Database) -> Credentials:
        """See ``Secrets.master``."""
        with self._cloud.calling("master", self._scope, database.id):
            if database.secret is None:
                raise NotFound(f"{database.name} has no managed master login yet")
            arn, status = database.secret
            if status != "active" or arn not in self._cloud.credentials:
                raise NotFound(f"the master login of {database.name} is {status}")
            return self._cloud.credentials[arn]


class MemoryLogins:
    """Servers that answer when their Database would."""

    def __init__(self, cloud: MemoryCloud) -> None:
        self._cloud = cloud

    def login(self, database: Database, credentials: Credentials) -> str:
        """See ``Logins.login``."""
        with self._cloud.calling("login", database.id.scope, database.id):
            if database.endpoint is None:
                raise NotFound(f"{database.name} has no endpoint yet")
            if database.family not in _SERVERS:
                raise Rejected(f"no client for {database.engine} here")
            server = self._server(database)
            known = self._cloud.credentials.get(server.secret[0]) if server.secret else None
            if known != credentials:
                raise Denied(f"{database.name} refused the login", call="login", code="28P01")
            return f"{_SERVERS[server.family]} {server.engine_version}"

    def _server(self, database: Database) -> Database:
        try:
            server = self._cloud.held(database.id).database
        except NotFound as exc:
            raise Unreachable(f"nothing answers at {database.endpoint}", call="login") from exc
        serves = server.state in (State.AVAILABLE, State.BUSY) and server.status not in _DOWN
        if server.id.kind is Kind.CLUSTER:
            serves = serves and any(member.writer for member in server.config.members)
        if server.endpoint != database.endpoint or not serves:
            raise Unreachable(f"nothing answers at {database.endpoint}", call="login")
        return server
