"""Events: RDS-shaped ones for what happens to a database, CloudTrail-shaped ones for every mutating call.

Both go through PutEvents onto the default bus of their region, in order, from one background thread:
a slow bus must not slow the API down.

Sources: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html (ids, texts),
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-cloud-watch-events.html (shape).
"""

from __future__ import annotations

import datetime as dt
import json
import queue
import sys
import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.lab.rds.serialize import timestamp
from tests.lab.rds.state import Database, Event, Region, RegionState, Snapshot, now

if TYPE_CHECKING:
    from tests.lab.rds.cloud import Cloud

KEEP = 5_000
"""RDS keeps events for 14 days; the lab keeps the newest ones of each region."""

SECRET_PARAMETERS = frozenset({"MasterUserPassword", "TdeCredentialPassword", "PreSignedUrl"})

_KINDS = {
    "instance": ("RDS DB Instance Event", "DB_INSTANCE", "db-instance"),
    "cluster": ("RDS DB Cluster Event", "CLUSTER", "db-cluster"),
    "snapshot": ("RDS DB Snapshot Event", "SNAPSHOT", "db-snapshot"),
    "cluster-snapshot": ("RDS DB Cluster Snapshot Event", "CLUSTER_SNAPSHOT", "db-cluster-snapshot"),
}

MESSAGES = {
    "RDS-EVENT-0001": ("backup", "Backing up DB instance"),
    "RDS-EVENT-0002": ("backup", "Finished DB instance backup"),
    "RDS-EVENT-0003": ("deletion", "DB instance deleted"),
    "RDS-EVENT-0005": ("creation", "DB instance created"),
    "RDS-EVENT-0006": ("availability", "DB instance restarted"),
    "RDS-EVENT-0014": ("configuration change", "Finished applying modification to DB instance"),
    "RDS-EVENT-0016": ("configuration change", "Reset master credentials"),
    "RDS-EVENT-0019": ("restoration", "Restored from DB instance"),
    "RDS-EVENT-0028": ("configuration change", "Disabled automated backups"),
    "RDS-EVENT-0031": ("failure", "DB instance put into incompatible-restore"),
    "RDS-EVENT-0032": ("configuration change", "Enabled automated backups"),
    "RDS-EVENT-0040": ("creation", "Creating manual snapshot"),
    "RDS-EVENT-0041": ("deletion", "Deleted user snapshot"),
    "RDS-EVENT-0042": ("creation", "Manual snapshot created"),
    "RDS-EVENT-0043": ("restoration", "Restored from snapshot"),
    "RDS-EVENT-0059": ("notification", "Started copy of snapshot"),
    "RDS-EVENT-0060": ("notification", "Finished copy of snapshot"),
    "RDS-EVENT-0061": ("notification", "Canceled snapshot copy request of"),
    "RDS-EVENT-0074": ("backup", "Creating manual cluster snapshot"),
    "RDS-EVENT-0075": ("backup", "Manual cluster snapshot created"),
    "RDS-EVENT-0087": ("notification", "DB instance stopped"),
    "RDS-EVENT-0088": ("notification", "DB instance started"),
    "RDS-EVENT-0090": ("creation", "Creating automated snapshot"),
    "RDS-EVENT-0091": ("creation", "Automated snapshot created"),
    "RDS-EVENT-0190": ("notification", "Canceled snapshot copy request of"),
    "RDS-EVENT-0196": ("notification", "Started copy of snapshot"),
    "RDS-EVENT-0197": ("notification", "Finished copy of snapshot"),
    "RDS-EVENT-0150": ("notification", "DB cluster stopped"),
    "RDS-EVENT-0151": ("notification", "DB cluster started"),
    "RDS-EVENT-0168": ("backup", "Creating automated cluster snapshot"),
    "RDS-EVENT-0169": ("backup", "Automated cluster snapshot created"),
    "RDS-EVENT-0170": ("creation", "DB cluster created"),
    "RDS-EVENT-0171": ("deletion", "DB cluster deleted"),
}


@dataclass(frozen=True, slots=True)
class Trail:
    """What CloudTrail records of one mutating call."""

    action: str
    region: str
    account: str
    principal: str
    parameters: dict[str, Any]
    source_ip: str
    user_agent: str
    request_id: str
    error_code: str | None
    error_message: str | None


class Events:
    """Queue and sender.

    Args:
        cloud: where PutEvents goes.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._queue: queue.SimpleQueue[tuple[tuple[str, str], dict[str, Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._send, name="events", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send what is queued, then end (within seconds)."""
        self._queue.put(None)
        self._thread.join(3)

    def happened(self, region: Region, subject: Database | Snapshot, event_id: str, detail: str = "") -> None:
        """Record and send the RDS event `event_id` about a database or a snapshot; a region that is off sends none."""
        if region.state is not RegionState.ON:
            return
        category, text = MESSAGES[event_id]
        kind = _kind(subject)
        detail_type, source_type, api_type = _KINDS[kind]
        message = f"{text} {detail}".strip()
        event = Event(now(), subject.identifier, api_type, subject.arn, event_id, message, (category,))
        region.events = [*region.events[-KEEP:], event]
        body = {
            "EventCategories": [category],
            "SourceType": source_type,
            "SourceArn": subject.arn,
            "Date": timestamp(event.date),
            "Message": message,
            "SourceIdentifier": subject.identifier,
            "EventID": event_id,
        }
        self._put((region.name, region.account), detail_type, [subject.arn], body, event.date)

    def recorded(self, trail: Trail) -> None:
        """Send CloudTrail's event of a mutating call."""
        moment = now()
        body: dict[str, Any] = {
            "eventVersion": "1.11",
            "userIdentity": _identity(trail.principal, trail.account),
            "eventTime": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": "rds.amazonaws.com",
            "eventName": trail.action,
            "awsRegion": trail.region,
            "sourceIPAddress": trail.source_ip,
            "userAgent": trail.user_agent,
            "requestParameters": camel(trail.parameters),
            "responseElements": None,
            "requestID": trail.request_id,
            "eventID": str(uuid.uuid4()),
            "readOnly": False,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": trail.account,
            "eventCategory": "Management",
        }
        if trail.error_code:
            body |= {"errorCode": trail.error_code, "errorMessage": trail.error_message}
        self._put((trail.region, trail.account), "AWS API Call via CloudTrail", [], body, moment)

    def _put(
        self, bus: tuple[str, str], detail_type: str, arns: list[str], body: dict[str, Any], moment: dt.datetime
    ) -> None:
        """`bus` is the default one of a (region, account)."""
        entry = {
            "Time": moment,
            "Source": "aws.rds",
            "DetailType": detail_type,
            "Resources": arns,
            "Detail": json.dumps(body, default=_json),
        }
        self._queue.put((bus, entry))

    def _send(self) -> None:
        while (item := self._queue.get()) is not None:
            (region, account), entry = item
            try:
                answer = self._cloud.events(region, account).put_events(Entries=[entry])  # type: ignore[list-item]
            except (BotoCoreError, ClientError) as exc:
                # As on AWS an event can be lost; it must be seen in the lab's log, or nobody finds out why.
                print(f"rds: event lost ({region}, {entry['DetailType']}): {exc}", file=sys.stderr, flush=True)
                continue
            if answer.get("FailedEntryCount"):
                print(f"rds: event refused: {answer['Entries']}", file=sys.stderr, flush=True)


def _kind(subject: Database | Snapshot) -> str:
    if isinstance(subject, Snapshot):
        return "snapshot" if subject.kind == "instance" else "cluster-snapshot"
    return str(subject.kind)  # type: ignore[attr-defined]


def camel(value: Any) -> Any:
    """Names as CloudTrail writes them: only the first letter in lower case (`dBInstanceIdentifier`)."""
    if isinstance(value, dict):
        return {
            name[0].lower() + name[1:]: "****" if name in SECRET_PARAMETERS else camel(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [camel(item) for item in value]
    return value


def _json(value: object) -> str:
    if isinstance(value, dt.datetime):
        return timestamp(value)
    raise TypeError(f"{value!r} has no place in an event")


def _identity(principal: str, account: str) -> dict[str, Any]:
    if principal.endswith(":root"):
        return {"type": "Root", "principalId": account, "arn": principal, "accountId": account}
    parts = principal.rsplit(":", 1)[-1].split("/")
    identity: dict[str, Any] = {"type": "IAMUser", "arn": principal, "accountId": account}
    if parts[0] == "assumed-role" and len(parts) > 1:
        identity |= {
            "type": "AssumedRole",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "arn": f"arn:aws:iam::{account}:role/{parts[1]}",
                    "accountId": account,
                    "userName": parts[1],
                }
            },
        }
    return identity
