"""Restore-run, the durable runner: one restore, from plan to a login that works.

Every step may run twice, so each looks before it makes. Clock and world are read inside steps and probes only, since
the code between them runs again after every wait.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from backstay.core.codec import decode, encode
from backstay.core.decide.restore import decide, differences, is_ours, serves
from backstay.core.errors import Conflict, Denied, NotFound, ProviderError, Rejected, Unexpected, Unreachable
from backstay.core.model import DatabaseId, State, Status, utc_text
from backstay.core.ports import Ready, Waiting
from backstay.core.requests import DatabaseRef
from backstay.core.restoring import RestorePlan, RestoreRefusal
from backstay.workflows import reports
from backstay.workflows.observe import scopes_for
from backstay.workflows.restore import refused, tier_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from backstay.core.model import Database, Json
    from backstay.core.ports import Inventory, Restorer, Run, World
    from backstay.core.requests import RestoreRunRequest

# Restores of many terabytes take hours; everything after the data is there takes minutes.
_DATA: Final = timedelta(hours=20)
_MEMBER: Final = timedelta(hours=2)
_FINISH: Final = timedelta(hours=12)  # a first backup may hold modifications off for hours
_LOGIN: Final = timedelta(hours=2)
# RDS lists what it has accepted at once, or moments later. What is not there after this long has been deleted.
_LISTED: Final = timedelta(minutes=15)
# A first backup, and blocks that still load from S3: clients are served meanwhile, if slowly.
_ANSWERING: Final = frozenset({"backing-up", "storage-initialization"})
# RDS API reference, MasterUserSecret: statuses that pass by themselves.
_BEING_MADE: Final = frozenset({"creating", "rotating"})


def restore_run(world: World, run: Run, request: RestoreRunRequest) -> reports.Report:
    """Restores, rebuilds what a bare restore loses, and proves a login.

    Returns:
        the Report ``backstay.restore-run/1``: ``endpoint``, ``secret`` (its ARN), ``server``, ``restored_to``,
        ``phases`` with their seconds, ``lacking`` (what could not be rebuilt; status findings). A restore that fails
        says in ``error`` at which phase and why, and leaves what it made for a person to look at.
    """
    return _Runner(world, run, request).report()


class _Failed(Exception):  # control flow within this module, never seen outside
    def __init__(self, phase: str, cause: ProviderError) -> None:
        super().__init__(str(cause))
        self.phase, self.cause = phase, cause


def _own_secret(plan: RestorePlan, target: Database) -> str | None:
    """The secret that RDS keeps for the target, once there is one; its source's does not count."""
    arn = target.secret[0] if target.secret else ""
    return arn if arn and arn != plan.source_secret else None


class _Runner:
    def __init__(self, world: World, run: Run, request: RestoreRunRequest) -> None:
        self._world, self._run, self._request = world, run, request
        ref = DatabaseRef.parse(request.database)
        self._scope = scopes_for(world, ref)[0]
        self._source = ref
        self._marks: list[tuple[str, datetime]] = []

    @property
    def _inventory(self) -> Inventory:
        return self._world.inventories[self._scope]

    @property
    def _restorer(self) -> Restorer:
        return self._world.restorers[self._scope]

    def report(self) -> reports.Report:
        started = datetime.fromisoformat(str(self._run.step("begin", lambda: utc_text(self._world.clock.now()))))
        self._marks.append(("begin", started))
        plan: RestorePlan | None = None
        try:
            decision = self._decide()
            if isinstance(decision, RestoreRefusal):
                return refused(self._world, "restore-run", started, decision)
            plan = decision
            result = self._make(plan)
        except _Failed as failure:
            return self._failure(started, plan, failure)
        status = Status.FINDINGS if result["lacking"] else Status.OK
        return reports.frame("restore-run", self._world, started, status, **self._shared(plan), **result)

    def _shared(self, plan: RestorePlan | None) -> dict[str, Any]:
        return {
            "database": (plan.source_arn or plan.source.key) if plan else self._request.database,
            "target": self._request.target,
            "request_id": self._request.request_id,
            "restored_to": utc_text(plan.moment) if plan and plan.moment else self._request.moment,
            "phases": self._phases(),
        }

    def _phases(self) -> list[dict[str, Any]]:
        pairs = zip(self._marks, self._marks[1:], strict=False)
        return [{"name": name, "seconds": round((end - begin).total_seconds(), 3)} for (_, begin), (name, end) in pairs]

    def _failure(self, started: datetime, plan: RestorePlan | None, failure: _Failed) -> reports.Report:
        error = {"phase": failure.phase, "type": type(failure.cause).__name__, "message": str(failure.cause)}
        return reports.frame("restore-run", self._world, started, Status.ERROR, **self._shared(plan), error=error)

    # What the run is made of: every step and wait ends with the moment at which it ended.

    def _step(self, name: str, work: Callable[[], Json]) -> Json:
        self._world.note(name)
        return self._ended(name, lambda: self._run.step(name, lambda: self._stamped(work())))

    def _wait(self, name: str, probe: Callable[[], Ready | Waiting], timeout: timedelta) -> Json:
        def stamped() -> Ready | Waiting:
            try:
                answer = probe()
            except Conflict as exc:  # in a state that forbids it for now
                return Waiting(str(exc))
            return Ready(self._stamped(answer.value)) if isinstance(answer, Ready) else answer

        self._world.note(name)
        return self._ended(name, lambda: self._run.wait_until(name, stamped, timeout=timeout))

    def _stamped(self, value: Json) -> Json:
        return {"value": value, "at": utc_text(self._world.clock.now())}

    def _ended(self, name: str, work: Callable[[], Json]) -> Json:
        try:
            answer = cast("dict[str, Json]", work())
        except ProviderError as exc:
            raise _Failed(name, exc) from exc
        self._marks.append((name, datetime.fromisoformat(str(answer["at"]))))
        return answer["value"]

    # The phases.

    def _decide(self) -> RestorePlan | RestoreRefusal:
        def work() -> Json:
            source = self._inventory.find(self._source)
            now = self._world.clock.now()
            decision = decide(
                source=self._source_id(),
                request=self._request,
                facts=self._restorer.facts(self._request, source),
                tier=tier_for(self._world, source, now),
                deployment=self._world.deployment,
                now=now,
            )
            return {"plan" if isinstance(decision, RestorePlan) else "refusal": encode(decision)}

        decided = cast("dict[str, Json]", self._step("plan", work))
        if "plan" in decided:
            return decode(RestorePlan, decided["plan"])
        return decode(RestoreRefusal, decided["refusal"])

    def _source_id(self) -> DatabaseId:
        if self._source.kind is None:
            raise Unexpected(f"{self._request.database} does not say what kind of database it is")
        return DatabaseId(self._scope, self._source.kind, self._source.name)

    def _make(self, plan: RestorePlan) -> dict[str, Any]:
        self._step("create", lambda: self._create(plan))
        self._wait("data", lambda: self._probe_data(plan), _DATA)
        if plan.writer:
            self._wait("create-writer", lambda: self._create_writer(plan), _MEMBER)
            self._wait("writer", lambda: self._probe_writer(plan), _MEMBER)
        self._wait("master-login", lambda: self._ask_for_login(plan), _FINISH)
        proof = cast("dict[str, Json]", self._wait("login", lambda: self._probe_login(plan), _LOGIN))
        notes = self._rebuild_roles(plan)
        lacking = cast("list[Json]", self._step("read-back", lambda: list(differences(plan, self._target(plan)))))
        return {**proof, "lacking": [*lacking, *notes]}

    def _rebuild_roles(self, plan: RestorePlan) -> list[Json]:
        """Attaches the source's roles. The login is proven by now: a role that we may not pass is only lacking."""
        if not plan.config.roles:
            return []
        try:
            self._wait("roles", lambda: self._attach_roles(plan), _FINISH)
        except _Failed as failure:
            return [f"roles could not be attached: {failure.cause}"]
        return []

    def _found(self, plan: RestorePlan) -> Database | None:
        return self._inventory.find(DatabaseRef.of(plan.target))

    def _target(self, plan: RestorePlan) -> Database:
        target = self._found(plan)
        if target is None:
            raise NotFound(f"{plan.target.name} has disappeared")
        if target.state in (State.FAILED, State.LEAVING):
            raise Rejected(f"{plan.target.name} ended in {target.status}")
        return target

    def _create(self, plan: RestorePlan) -> Json:
        target = self._found(plan)
        if target is None:
            try:
                self._restorer.create(plan)
            except Conflict:  # somebody came first: perhaps this very restore, in a process that was thought dead
                target = self._found(plan)
                if target is None:
                    raise
            else:
                return "created"
        if not is_ours(target, plan.request_id):
            raise Rejected(f"{plan.target.name} exists and is not of this restore; nothing is overwritten")
        return "found"

    def _probe_data(self, plan: RestorePlan) -> Ready | Waiting:
        target = self._found(plan)
        if target is None:
            self._still_expected(plan)
            return Waiting(f"{plan.target.name} is not listed yet")
        if target.state in (State.FAILED, State.LEAVING):
            raise Rejected(f"{plan.target.name} ended in {target.status}")
        reachable = target.state is State.AVAILABLE or target.status in _ANSWERING
        return Ready(target.status) if reachable and serves(target) else Waiting(target.status)

    def _still_expected(self, plan: RestorePlan) -> None:
        """What was created need not be listed at once; but nobody waits a day for what somebody has deleted."""
        _, created = self._marks[-1]
        unseen = self._world.clock.now() - created
        if unseen > _LISTED:
            minutes = int(unseen.total_seconds() // 60)
            raise NotFound(f"{plan.target.name} was created {minutes} minutes ago and is not there: deleted meanwhile?")

    def _create_writer(self, plan: RestorePlan) -> Ready | Waiting:
        if self._restorer.member_status(plan) is None:
            self._restorer.create_writer(plan)
        return Ready(plan.writer)

    def _probe_writer(self, plan: RestorePlan) -> Ready | Waiting:
        status = self._restorer.member_status(plan)
        target = self._target(plan)
        if status == "available" and any(member.writer for member in target.config.members):
            return Ready(plan.writer)
        return Waiting(f"{plan.writer} is {status or 'not listed yet'}")

    def _ask_for_login(self, plan: RestorePlan) -> Ready | Waiting:
        """Asks until it is accepted: a database that is taking its first backup may refuse for hours, or not."""
        target = self._target(plan)
        if _own_secret(plan, target) is None or self._is_gone(target):
            self._restorer.settle(plan)
        return Ready("asked")

    def _is_gone(self, target: Database) -> bool:
        """Whether the secret that it shows is not there: that of a source which was deleted, and its secret with it.

        "If you delete a DB instance, the secret and its associated metadata are also deleted", and a restore does not
        make it anew. Sources: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html,
        https://github.com/aws/aws-cdk/issues/21730
        """
        if target.secret is None or target.secret[1] in _BEING_MADE:
            return False
        try:
            self._world.secrets[self._scope].master(target)
        except NotFound:
            return True
        except ProviderError:
            return False  # the login tells, and waits
        return False

    def _probe_login(self, plan: RestorePlan) -> Ready | Waiting:
        target = self._target(plan)
        secret = _own_secret(plan, target)
        if target.endpoint is None or secret is None:
            return Waiting("no endpoint yet" if target.endpoint is None else "no master login of its own yet")
        try:
            credentials = self._world.secrets[self._scope].master(target)
            server = self._world.logins.login(target, credentials)
        except (NotFound, Denied, Unreachable) as exc:
            # Denied too: the new password reaches the server a moment after the secret says that it is active.
            if isinstance(exc, Denied) and exc.call != "login":
                raise
            return Waiting(str(exc))
        host, port = target.endpoint
        return Ready({"endpoint": {"host": host, "port": port}, "server": server, "secret": secret})

    def _attach_roles(self, plan: RestorePlan) -> Ready | Waiting:
        self._target(plan)
        self._restorer.attach_roles(plan)
        return Ready(len(plan.config.roles))
