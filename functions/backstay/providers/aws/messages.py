"""What speaks to other services: EventBridge, SNS and SQS, Lambda, Secrets Manager."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol
from urllib.parse import quote

from backstay.core.errors import Conflict, NotFound, ProviderError, Unexpected
from backstay.core.findings import verdict_name, verdict_text
from backstay.core.model import utc_text
from backstay.core.naming import finding_id
from backstay.core.ports import Credentials, Execution, FindingChanged
from backstay.providers.aws.errors import calling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_lambda.client import LambdaClient
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

    from backstay.core.model import Database
    from backstay.core.requests import AuditOrder, RestoreRunRequest

SOURCE: Final = "backstay"
_STATES: Final[Mapping[str, Literal["running", "succeeded", "failed"]]] = {
    "RUNNING": "running",
    "PAUSING": "running",
    "PAUSED": "running",
    "SUCCEEDED": "succeeded",
}
_ENTRIES_PER_CALL: Final = 10  # EventBridge API reference, PutEvents; SQS API reference, SendMessageBatch


def finding_detail(change: FindingChanged) -> dict[str, Any]:
    """The detail of *Backstay Finding Changed*, schema ``backstay.finding/1``."""
    finding = change.finding
    scope = finding.database.id.scope
    return {
        "schema": "backstay.finding/1",
        "id": finding_id(finding.rule, finding.database.id),
        "database": finding.database.arn,
        "name": finding.database.name,
        "region": scope.region,
        "account": scope.account,
        "tier": finding.tier,
        "rule": finding.rule,
        "verdict": verdict_name(finding.verdict),
        "previous": change.previous,
        "repairable": finding.repairable,
        "severity": change.severity,
        "message": verdict_text(finding.verdict),
        "found_at": utc_text(change.found_at),
        "digest": change.digest,
    }


def heartbeat_detail(report: Mapping[str, Any]) -> dict[str, Any]:
    """The detail of *Backstay Heartbeat*: no database's name, since it may leave the account."""
    return {
        "schema": "backstay.heartbeat/1",
        "deployment": report["deployment"],
        "status": report["status"],
        "databases": report["databases"],
        "audited_at": report["started_at"],
    }


class EventBus:
    """The home bus."""

    def __init__(self, events: EventBridgeClient, bus: str) -> None:
        self._events, self._bus = events, bus

    def finding_changed(self, changes: Sequence[FindingChanged]) -> None:
        """See ``Bus.finding_changed``."""
        self._put(
            [("Backstay Finding Changed", change.finding.database.arn, finding_detail(change)) for change in changes]
        )

    def report_ready(self, report: Mapping[str, Any]) -> None:
        """See ``Bus.report_ready``."""
        self._put([("Backstay Report Ready", str(report.get("database", "")), report)])

    def heartbeat(self, report: Mapping[str, Any]) -> None:
        """See ``Bus.heartbeat``."""
        self._put([("Backstay Heartbeat", "", heartbeat_detail(report))])

    def _put(self, messages: list[tuple[str, str, Mapping[str, Any]]]) -> None:
        for start in range(0, len(messages), _ENTRIES_PER_CALL):
            entries: list[Any] = [
                {
                    "Source": SOURCE,
                    "DetailType": kind,
                    "Detail": json.dumps(detail),
                    "EventBusName": self._bus,
                    "Resources": [resource] if resource else [],
                }
                for kind, resource, detail in messages[start : start + _ENTRIES_PER_CALL]
            ]
            with calling("events:PutEvents"):
                answers = self._events.put_events(Entries=entries)["Entries"]
            # PutEvents answers 200 even when it refused entries.
            for entry in answers:
                if entry.get("ErrorCode"):
                    message = f"{entry['ErrorCode']}: {entry.get('ErrorMessage', '')}"
                    raise ProviderError(message, call="events:PutEvents", code=entry["ErrorCode"])


class Topics(Protocol):
    """The one call of the SNS client that we make: too little to depend on its stubs."""

    def publish(self, *, TopicArn: str, Subject: str, Message: str) -> object:  # noqa: N803  # AWS's names
        """SNS ``Publish``."""


class TopicPager:
    """An SNS topic."""

    def __init__(self, topics: Topics, topic: str) -> None:
        self._topics, self._topic = topics, topic

    def send(self, subject: str, text: str) -> None:
        """See ``Pager.send``."""
        with calling("sns:Publish"):
            self._topics.publish(TopicArn=self._topic, Subject=subject, Message=text)


class Queues(Protocol):
    """The one call of the SQS client that we make: too little to depend on its stubs."""

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:  # noqa: N803  # AWS's names
        """SQS ``SendMessageBatch``."""


class ShardQueue:
    """An SQS queue, of which the audit function is the only consumer."""

    def __init__(self, queues: Queues, url: str) -> None:
        self._queues, self._url = queues, url

    def send(self, orders: Sequence[AuditOrder], *, delay: timedelta = timedelta(0)) -> None:
        """See ``Shards.send``."""
        for start in range(0, len(orders), _ENTRIES_PER_CALL):
            entries = [
                {
                    "Id": str(number),
                    "MessageBody": json.dumps(_order(order)),
                    "DelaySeconds": int(delay.total_seconds()),
                }
                for number, order in enumerate(orders[start : start + _ENTRIES_PER_CALL])
            ]
            with calling("sqs:SendMessage"):
                answer = self._queues.send_message_batch(QueueUrl=self._url, Entries=entries)
            # SendMessageBatch answers 200 even when it refused entries.
            for entry in answer.get("Failed", []):
                message = f"{entry['Code']}: {entry.get('Message', '')}"
                raise ProviderError(message, call="sqs:SendMessage", code=entry["Code"])


def _order(order: AuditOrder) -> dict[str, str]:
    return {key: value for key in ("run", "account", "region") if (value := getattr(order, key))}


class DurableStarter:
    """Starts the restore runner through its alias, under a name that makes a second start the same one."""

    def __init__(self, functions: LambdaClient, runner: str) -> None:
        self._functions, self._runner = functions, runner

    def start(self, request: RestoreRunRequest) -> Execution:
        """See ``Starter.start``."""
        payload = {
            key: value
            for key in ("database", "target", "request_id", "moment", "snapshot")
            if (value := getattr(request, key)) is not None
        }
        known = self._named(request.request_id)
        if known:
            return known
        try:
            with calling("lambda:InvokeFunction"):
                answer = self._functions.invoke(
                    FunctionName=self._runner,
                    InvocationType="Event",
                    DurableExecutionName=request.request_id,
                    Payload=json.dumps(payload, sort_keys=True).encode(),
                )
        except Conflict:  # somebody clicked at the same moment
            known = self._named(request.request_id)
            if not known:
                raise
            return known
        arn = answer.get("DurableExecutionArn")
        if not arn:
            raise Unexpected(
                f"{self._runner} started without an execution: is it durable?", call="lambda:InvokeFunction"
            )
        return Execution(arn, started=True)

    def _named(self, name: str) -> Execution | None:
        """The execution of that name, running or ended: the same request is the same restore.

        Executions belong to versions, and the alias moves on with every deployment, so no qualifier is given: that
        means all versions. Lambda has described the name as a filter by what names contain, too, hence the comparison.
        Source: https://docs.aws.amazon.com/lambda/latest/api/API_ListDurableExecutionsByFunction.html
        """
        function = self._runner.rpartition(":")[0]
        with calling("lambda:ListDurableExecutionsByFunction"):
            answer = self._functions.list_durable_executions_by_function(
                FunctionName=function, DurableExecutionName=name
            )
        for each in answer.get("DurableExecutions", []):
            if each["DurableExecutionName"] == name:
                state = _STATES.get(each["Status"], "failed")
                return Execution(each["DurableExecutionArn"], started=False, state=state)
        return None

    def console_link(self, execution: Execution) -> str:
        """See ``Starter.console_link``."""
        parts = self._runner.split(":")
        partition, region, function = parts[1], parts[3], parts[6]
        host = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}.get(
            partition, "console.aws.amazon.com"
        )
        tail = f"/functions/{function}/durable-executions/{quote(execution.id, safe='')}"
        return f"https://{region}.{host}/lambda/home?region={region}#{tail}"


class ManagedSecrets:
    """Master logins that RDS keeps in Secrets Manager."""

    def __init__(self, secrets: SecretsManagerClient) -> None:
        self._secrets = secrets

    def master(self, database: Database) -> Credentials:
        """See ``Secrets.master``."""
        if database.secret is None:
            raise NotFound(f"{database.name} has no managed master login yet")
        arn, status = database.secret
        if status != "active":
            raise NotFound(f"the master login of {database.name} is {status}")
        with calling("secretsmanager:GetSecretValue"):
            answer = self._secrets.get_secret_value(SecretId=arn)
        try:
            value = json.loads(answer["SecretString"])
            return Credentials(str(value["username"]), str(value["password"]))
        except (KeyError, TypeError, ValueError):
            # Not chained: the cause's text could hold the secret.
            raise Unexpected(
                f"the secret of {database.name} is not a login", call="secretsmanager:GetSecretValue"
            ) from None
