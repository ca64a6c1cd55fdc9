"""The cloud in memory: what the ports over it share, and what a test sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from threading import RLock
from typing import TYPE_CHECKING, Final

from backstay.core.errors import Conflict, NotFound
from backstay.core.model import Database, DatabaseId, Kind, NotCovered, RecoveryWindow, Scope, State
from backstay.core.naming import FORWARDING
from backstay.core.restoring import QUOTAS, Backup, Quota, Unchecked
from backstay.providers.memory.points import Points

if TYPE_CHECKING:
    from backstay.core.actions import PointRef
    from backstay.core.points import RecoveryPoint
    from backstay.core.ports import Clock, Credentials
    from backstay.core.restoring import Snapshot
    from backstay.core.stores import KeyFacts
    from backstay.providers.memory.replicas import Replica

# RDS user guide, "Restoring a DB instance to a specified time": uploads its logs every five minutes.
LAG: Final = timedelta(minutes=5)

ANY: Final = "*"

MANUAL: Final[Mapping[Kind, str]] = {Kind.INSTANCE: "ManualSnapshots", Kind.CLUSTER: "ManualClusterSnapshots"}
"""The quotas that the points of a scope are counted against."""

_PLENTY: Final = 1_000_000
ROOM: Final = tuple(
    Quota(name, 3, _PLENTY if name in MANUAL.values() else 40)
    for name in sorted({name for names in QUOTAS.values() for name in names})
)
"""Every quota with room for more."""

Becoming = Callable[[Database, datetime], Database]


class Work(StrEnum):
    """What takes its time: a number of looks, a span, or both; see ``MemoryCloud.takes``."""

    CREATE = "create"
    BACKUP = "backup"
    MODIFY = "modify"
    MEMBER = "member"
    SECRET = "secret"  # noqa: S105  # the name of a work
    SNAPSHOT = "snapshot"
    COPY = "copy"
    REPLICATE = "replicate"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a port: the method's name, where, and what it was about."""

    method: str
    scope: Scope
    about: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the restore's preflight and the audit see around the databases of a scope.

    Fields as in ``RestoreFacts``; ``watchers`` as in ``core.surroundings``.
    """

    key: str | Unchecked = ""
    missing_groups: tuple[str, ...] | Unchecked = ()
    free_addresses: Mapping[str, int] | Unchecked = field(default_factory=lambda: {"subnet-1": 250})
    orderable: bool | Unchecked = True
    sold: tuple[str, ...] | Unchecked | None = None
    backups: tuple[Backup, ...] | Unchecked = ()
    quotas: tuple[Quota, ...] | Unchecked = field(default_factory=lambda: ROOM)
    watchers: Mapping[str, bool] | Unchecked | None = field(
        default_factory=lambda: {f"backstay{tail}": True for tail in FORWARDING}
    )


@dataclass(slots=True)
class _Turn:
    looks: int
    span: timedelta
    become: Becoming
    begun: datetime | None = None


@dataclass(slots=True)
class Held:
    """A Database with what is under way on it; ``stalled`` when its logs have stopped."""

    database: Database
    turns: list[_Turn] = field(default_factory=list)
    stalled: bool = False


@dataclass(slots=True)
class Member:
    """An instance of a cluster, with its own status."""

    cluster: DatabaseId
    status: str


@dataclass(slots=True)
class _Hook:
    method: str
    run: Callable[[], None]
    scope: Scope | None
    about: object
    times: int | None
    after: int
    late: bool


class MemoryCloud:
    """Databases, snapshots and logins of any number of scopes, on one clock.

    Attributes:
        page_size: how many databases or points a page holds.
        calls: every call of a port that was let in, oldest first.
        surroundings: what a scope's preflight sees; the default is that all is well.
        credentials: the logins that secrets hold, by the secret's ARN.
        keys: what is known of a key in a scope, by what names it; one that is not here is there and usable.
        option_groups: those of a scope besides the ones that its databases use.
        unreadable_points: what the first page of a listing of points tells of entries that cannot be parsed.
        points: the recovery points; ``add_point`` and its neighbours are for tests.
        replicas: what is replicated of automated backups.
    """

    def __init__(self, clock: Clock, *, page_size: int = 100) -> None:
        self.clock, self.page_size = clock, page_size
        self.calls: list[Call] = []
        self.surroundings: dict[Scope, Surroundings] = {}
        self.credentials: dict[str, Credentials] = {}
        self.foreign: dict[tuple[Scope, Kind], list[NotCovered]] = {}
        self.unreadable: dict[tuple[Scope, Kind], list[str]] = {}
        self.members: dict[tuple[Scope, str], Member] = {}
        self.snapshots: dict[tuple[Scope, str], Snapshot] = {}
        self.keys: dict[tuple[Scope, str], KeyFacts] = {}
        self.option_groups: dict[Scope, set[str]] = {}
        self.unreadable_points: dict[tuple[Scope, Kind], list[str]] = {}
        self.points = Points(clock)
        self.replicas: list[Replica] = []
        self._held: dict[DatabaseId, Held] = {}
        self._hooks: list[_Hook] = []
        self._takes: dict[Work, tuple[int, timedelta]] = {}
        self._lock = RLock()

    # What a test sets.

    def add(self, database: Database, *, stalled: bool = False) -> Database:
        """Puts a Database there as it is. Its window follows the clock unless ``stalled``."""
        with self._lock:
            self._held[database.id] = Held(database, stalled=stalled)
            for member in database.config.members:
                self.members[database.id.scope, member.name] = Member(database.id, "available")
        return database

    def add_snapshot(self, scope: Scope, snapshot: Snapshot) -> None:
        """Puts a snapshot there, found by its identifier and its ARN."""
        self.snapshots[scope, snapshot.id] = self.snapshots[scope, snapshot.arn] = snapshot

    def remove(self, database: DatabaseId) -> None:
        """Deletes a Database at once, whatever protects it."""
        with self._lock:
            del self._held[database]

    def edit(self, database: DatabaseId, edit: Callable[[Database], Database]) -> None:
        """Changes a Database behind everybody's back, as a person in the console would."""
        with self._lock:
            held = self._held[database]
            held.database = edit(held.database)

    def add_point(self, *points: RecoveryPoint) -> None:
        """Puts recovery points there as they are, whatever the quota says."""
        with self._lock:
            for each in points:
                self.points.add(each)

    def edit_point(self, which: PointRef | RecoveryPoint, edit: Callable[[RecoveryPoint], RecoveryPoint]) -> None:
        """Changes a point behind everybody's back; what it becomes too, if it is on its way."""
        with self._lock:
            self.points.edit(which, edit)

    def remove_point(self, which: PointRef | RecoveryPoint) -> None:
        """Deletes a point behind everybody's back; the copies that are being made of it fail."""
        with self._lock:
            self.points.remove(which)

    def fail_point(self, which: PointRef | RecoveryPoint) -> None:
        """Lets a point fail, half way or later."""
        with self._lock:
            self.points.fail(which)

    def every_point(self, scope: Scope | None = None) -> list[RecoveryPoint]:
        """The points that are there, or those in a scope, without a look at them."""
        with self._lock:
            return [each for each in self.points.every() if scope in (None, each.scope)]

    def room(self, scope: Scope, kind: Kind, left: int) -> None:
        """From now on so many more manual points of a kind fit in a scope."""
        with self._lock:
            around = self.surroundings.get(scope, Surroundings())
            told = () if isinstance(around.quotas, Unchecked) else around.quotas
            full = Quota(MANUAL[kind], 0, self.points.manual(scope, kind) + left)
            others = tuple(each for each in told if each.name != full.name)
            self.surroundings[scope] = replace(around, quotas=(*others, full))

    def takes(self, work: Work, *, looks: int = 0, span: timedelta = timedelta()) -> None:
        """From now on ``work`` is done only after so many looks at the Database and so long a time."""
        self._takes[work] = (looks, span)

    def advance(self) -> None:
        """Ends all that is under way."""
        with self._lock:
            for held in self._held.values():
                while held.turns:
                    held.database = held.turns.pop(0).become(held.database, self.clock.now())
            self.points.advance()
            for replica in self.replicas:
                replica.done = True

    def interfere(
        self,
        method: str,
        run: Callable[[], None],
        *,
        scope: Scope | None = None,
        about: object = None,
        times: int | None = None,
        after: int = 0,
        late: bool = False,
    ) -> None:
        """Runs something at a call of a port, typically to raise.

        Args:
            method: the port's method, e.g. ``change``, or ``*`` for whichever.
            run: may raise one of ``core.errors``, or do anything else.
            scope: only there.
            about: only calls about this, e.g. a kind of Database to be listed.
            times: so often; None is every time.
            after: so many calls pass first.
            late: after the work was done, so that only the answer is lost.
        """
        self._hooks.append(_Hook(method, run, scope, about, times, after, late))

    def called(self, *methods: str) -> list[Call]:
        """The calls of these methods so far."""
        with self._lock:
            return [call for call in self.calls if call.method in methods]

    # What the ports use.

    @contextmanager
    def calling(self, method: str, scope: Scope, about: object) -> Iterator[None]:
        """One call of a port: recorded, interfered with, and alone."""
        self._meet(method, scope, about, late=False)
        with self._lock:
            self.calls.append(Call(method, scope, about))
            yield
        self._meet(method, scope, about, late=True)

    def _meet(self, method: str, scope: Scope, about: object, *, late: bool) -> None:
        for hook in self._due(method, scope, about, late=late):
            hook.run()

    def _due(self, method: str, scope: Scope, about: object, *, late: bool) -> list[_Hook]:
        due = []
        with self._lock:
            for hook in self._hooks:
                meant = hook.method in (method, ANY) and hook.late is late and hook.times != 0
                if not meant or hook.scope not in (None, scope) or hook.about not in (None, about):
                    continue
                if hook.after:
                    hook.after -= 1
                    continue
                hook.times = None if hook.times is None else hook.times - 1
                due.append(hook)
        return due

    def looked(self, database: DatabaseId) -> Database | None:
        """The Database as somebody sees it who looks now; None when there is none."""
        held = self._held.get(database)
        if held is None:
            return None
        self._proceed(held, looking=True)
        shown = self._shown(held)
        return replace(shown, status="backing-up", state=State.BUSY) if self._taken(database, looking=True) else shown

    def _taken(self, database: DatabaseId, *, looking: bool) -> bool:
        """Whether a snapshot keeps it busy: clusters stay available meanwhile."""
        return self.points.taking(database, looking=looking) and database.kind is Kind.INSTANCE

    def held(self, database: DatabaseId, *, available: bool = False) -> Held:
        """What is there.

        Raises:
            NotFound: nothing.
            Conflict: ``available`` is asked for, and it is not.
        """
        held = self._held.get(database)
        if held is None:
            raise NotFound(f"{database.name} does not exist")
        self._proceed(held, looking=False)
        if available and held.database.state is not State.AVAILABLE:
            raise Conflict(f"{database.name} is {held.database.status}, not available")
        if available and self._taken(database, looking=False):
            raise Conflict(f"{database.name} is backing-up, not available")
        return held

    def listed(self, scope: Scope, kind: Kind) -> list[DatabaseId]:
        """Every Database of a kind, by name."""
        return sorted(each for each in self._held if each.scope == scope and each.kind is kind)

    def exists(self, database: DatabaseId) -> bool:
        """Whether the name is taken; members of clusters have the names of instances."""
        member = database.kind is Kind.INSTANCE and (database.scope, database.name) in self.members
        return member or database in self._held

    def begin(self, held: Held, work: Work, become: Becoming) -> None:
        """Puts work on the Database, after all that is under way there."""
        held.turns.append(_Turn(*self.pace(work), become))

    def pace(self, work: Work) -> tuple[int, timedelta]:
        """How many looks and how long the work takes."""
        return self._takes.get(work, (0, timedelta()))

    def _proceed(self, held: Held, *, looking: bool) -> None:
        now = self.clock.now()
        while held.turns:
            turn = held.turns[0]
            turn.begun = turn.begun or now
            if turn.looks > 0 or now - turn.begun < turn.span:
                turn.looks -= looking
                return
            held.database = held.turns.pop(0).become(held.database, now)

    def _shown(self, held: Held) -> Database:
        """With the window as it is now: its end follows the clock, its beginning the retention."""
        database, now = held.database, self.clock.now()
        if database.window is None or held.stalled:
            return database
        earliest, latest = database.window.earliest, max(database.window.latest, now - LAG)
        if earliest is not None:
            earliest = max(earliest, now - database.retention)
        return replace(database, window=RecoveryWindow(earliest, latest))
