"""The stage of every run: an account as it was made, a clock that does not wait, and all that is said."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from backstay import entry, wiring
from backstay.core.errors import BackstayError
from tests.faults import answers
from tests.faults.account import LASTING, Account
from tests.faults.kinds import LEAK
from tests.handlers.cloud import ACCOUNT, KEY_SECRET, PASSWORD, RUNNER, TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.faults.story import Story
    from tests.faults.wire import Answer, Call, Known, Plant, Wire

SECRETS: Final = (KEY_SECRET, TOKEN, PASSWORD, LEAK)


VERBS: Final = ("audit", "protect", "snapshot", "replicate", "prune", "restore", "restore-run")
_COARSE: Final = 60


class Clock:
    """The machine's clock, some time on; sleeping moves it instead of waiting.

    It moves further than asked, so that a wait that is never over takes a dozen probes and not hundreds alike.
    """

    ahead = timedelta()

    def now(self) -> datetime:
        """See ``Clock.now``."""
        return datetime.now(UTC) + Clock.ahead

    def sleep(self, span: timedelta) -> None:
        """See ``Clock.sleep``."""
        Clock.ahead += _COARSE * span


@dataclass(slots=True)
class Ending:
    """How a run ended.

    Attributes:
        report: the Report, unless an error was raised.
        raised: the error's type, when one was; ``foreign`` when it is none of ours.
        printed: everything that was said anywhere: log, report, exception with its causes, requests' bodies.
    """

    report: dict[str, Any] | None = None
    raised: str = ""
    foreign: bool = False
    printed: str = ""

    @property
    def status(self) -> str:
        return str(self.report["status"]) if self.report else f"raised {self.raised}"

    def parts(self) -> dict[str, Any]:
        """What is said of each Database, without what differs from run to run."""
        report = self.report or {}
        said: dict[str, Any] = {}
        for each in report.get("findings", ()):
            said.setdefault(_key(each["database"]), []).append((each["rule"], each["verdict"]))
        for each in report.get("outcomes", ()):
            said.setdefault(str(each["database"]), []).append((each["result"], "passing" if each["passing"] else ""))
        for name in ("target", "lacking", "waiting_for", "orders"):
            if name in report:
                said[name] = report[name]
        return said


def _key(database: Mapping[str, Any]) -> str:
    return f"{database['region']}/{database['name']}"


@dataclass(frozen=True, slots=True)
class _Begun:
    """A story's beginning: the account, when that was, what was read of it since, and what the cloud had accepted."""

    kept: bytes
    when: datetime
    known: Known
    accepted: tuple[Call, ...]


@dataclass(slots=True)
class Stage:
    """The account and its wire.

    Attributes:
        executions: durable executions by name: a second one of the same name is the same.
        console: what the run logged and printed.
        moment: what is restored to: when the account was made.
    """

    wire: Wire
    executions: list[str] = field(default_factory=list)
    moment: str = ""
    console: io.StringIO = field(default_factory=io.StringIO)
    _account: Account = field(init=False)
    _made: bytes = b""
    _known: Known = field(default_factory=dict)
    _begun: dict[Story, _Begun] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.wire.extra = {
            "rds:DescribeDBInstanceAutomatedBackups": answers.backups,
            "rds:DescribeAccountAttributes": answers.of_the_lab,
            "rds:DescribeOptionGroups": answers.of_the_lab,
            "rds:DescribeOrderableDBInstanceOptions": answers.of_the_lab,
            "rds:StartDBInstanceAutomatedBackupsReplication": answers.replicated,
            "secrets-manager:GetSecretValue": answers.secret,
            "lambda:ListDurableExecutionsByFunction": self._list,
            "lambda:Invoke": self._invoke,
        }
        self._account = Account()
        self._made = self._account.kept()
        self.moment = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"

    def account(self, story: Story) -> None:
        """The account as it is before each run of the story."""
        if story not in self._begun:
            self._begun[story] = self._begin(story)
        begun = self._begun[story]
        self._clear(begun.kept, begun.known)
        if story.before:  # what it left is no older than it was
            Clock.ahead = begun.when - datetime.now(UTC)

    def _begin(self, story: Story) -> _Begun:
        kept, known = self._made, self._known
        accepted: list[Call] = []
        if story.before:
            self._clear(kept, known)
            self.wire.open()
            story.before(self)
            self.wire.close()
            kept, known, accepted = self._account.kept(), known if self.wire.untouched else {}, self.wire.accepted
        return _Begun(kept, datetime.now(UTC), known, tuple(accepted))

    def accepted_before(self, story: Story) -> tuple[Call, ...]:
        """What the cloud had accepted when the story began."""
        return self._begun[story].accepted

    def _clear(self, kept: bytes, known: Known) -> None:
        Clock.ahead = timedelta()
        self.executions.clear()
        entry._runner_world.cache_clear()
        self._account.restore(kept)
        self.wire.fresh(known)

    def ordered(self) -> list[dict[str, str]]:
        """The orders that the run put on the queue."""
        taken = [json.loads(body) for call, body in self.wire.served if call.operation == "SendMessageBatch"]
        return [json.loads(entry["MessageBody"]) for batch in taken for entry in batch["Entries"]]

    def run(self, story: Story, plant: Plant | None = None) -> Ending:
        """One run, whatever comes of it."""
        ending, self.console = Ending(), io.StringIO()
        _listen(self.console)
        _give_back_roles()
        self.wire.open(plant)
        with contextlib.redirect_stdout(self.console), contextlib.redirect_stderr(self.console):
            try:
                ending.report = story.run(self)
            except Exception as exc:  # noqa: BLE001  # whatever it is, the test says so
                ending.raised, ending.foreign = type(exc).__name__, not isinstance(exc, BackstayError)
                ending.printed = "".join(traceback.format_exception(exc))
        self.wire.close()
        lasting = [each for each in self.wire.accepted if each.service in LASTING]
        assert all(each.operation.startswith(("Describe", "List", "Get")) for each in lasting), lasting
        ending.printed += self.console.getvalue() + json.dumps(ending.report) + "\n".join(self.wire.said)
        return ending

    def _list(self, call: Call, _: bytes) -> Answer:
        found = [
            {
                "DurableExecutionArn": f"{RUNNER}/durable-execution/{each}/1",
                "DurableExecutionName": each,
                "FunctionArn": RUNNER,
                "Status": "RUNNING",
                "StartTimestamp": datetime.now(UTC).timestamp(),
            }
            for each in self.executions
        ]
        return answers.as_json("lambda", call.operation, {"DurableExecutions": found})

    def _invoke(self, _: Call, body: bytes) -> Answer:
        name = json.loads(body)["request_id"]
        if name not in self.executions:
            self.executions.append(name)
        arn = f"{RUNNER}/durable-execution/{name}/1"
        return 202, {**answers.JSON, "x-amz-durable-execution-arn": arn}, b""


def _listen(console: io.StringIO) -> None:
    """Loggers keep the console of the run that made them."""
    for verb in VERBS:
        for handler in logging.getLogger(verb).handlers:
            assert isinstance(handler, logging.StreamHandler)
            handler.setStream(console)


def _give_back_roles() -> None:
    """A later run comes when the roles' credentials are over, and no refusal is remembered."""
    members: Any = wiring._members(wiring.lambda_clients(), "backstay", ACCOUNT)
    for clients in members._made.values():
        credentials = clients._core.get_credentials()
        credentials._frozen_credentials = None
        credentials._refresh_using.__self__._refused = None
