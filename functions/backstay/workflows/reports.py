"""The Report that every run returns: one frame, and the parts of it that verbs share.

``schema`` is ``backstay.<verb>/1``; names are snake_case; times are RFC 3339 in UTC; spans end in ``_seconds``.
"""

from __future__ import annotations

from dataclasses import asdict
from sys import intern
from typing import TYPE_CHECKING, Any, Final

from backstay.core.actions import AdoptPoint, CopyPoint, DeletePoint, ReplicateBackups, SharePoint, TakeSnapshot
from backstay.core.cost import DAILY_CHANGE, PRICE_REGION, PRICE_SOURCES, PRICES_AS_OF
from backstay.core.errors import Unexpected
from backstay.core.findings import Fail, Finding, Pass, Skipped, Unknown, verdict_name, verdict_text
from backstay.core.model import EXIT_STATUS, ChangeSettings, Database, State, Status, utc_text
from backstay.core.naming import finding_id
from backstay.core.requests import database_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from backstay.core.actions import Action
    from backstay.core.cost import Cost
    from backstay.core.decide.standing import Standings
    from backstay.core.model import NotCovered, Outcome, Unread
    from backstay.core.ports import World

Report = dict[str, Any]
GREEN: Final = ("pass", "skipped")


def frame(verb: str, world: World, started: datetime, status: Status, **parts: Any) -> Report:
    """The Report's head, with the verb's own parts behind it."""
    ended = world.clock.now()
    return {
        "schema": f"backstay.{verb}/1",
        "status": status.value,
        "exit_status": EXIT_STATUS[status],
        "deployment": world.deployment,
        "started_at": utc_text(started),
        "run_seconds": round((ended - started).total_seconds(), 3),
        "policy": {**world.policy_origin, "stale": world.policy_stale},
        **parts,
    }


def database_part(database: Database) -> Report:
    """How a Report names a Database."""
    return {
        "key": database.id.key,
        "arn": database.arn,
        "name": database.name,
        "region": database.id.scope.region,
        "account": database.id.scope.account,
        "engine": database.engine,
    }


def finding_part(finding: Finding) -> Report:
    """One verdict with its Database and its figures."""
    return {
        "id": finding_id(finding.rule, finding.database.id),
        "rule": finding.rule,
        "verdict": verdict_name(finding.verdict),
        "message": verdict_text(finding.verdict),
        "repairable": finding.repairable,
        "tier": finding.tier,
        "database": database_part(finding.database),
        "measured": dict(finding.measured),
    }


def green_part(findings: Sequence[Finding]) -> Report | None:
    """What is in order on one Database: messages and figures by rule; None when nothing is.

    Most of a fleet's verdicts are these, so they take a fraction of the room of `finding_part`: texts that many
    Databases share are kept once.
    """
    texts: dict[str, dict[str, str]] = {}
    for each in findings:
        if isinstance(each.verdict, Pass | Skipped):
            texts.setdefault(verdict_name(each.verdict), {})[each.rule] = intern(verdict_text(each.verdict))
    if not texts:
        return None
    row: Report = {"database": database_part(findings[0].database), "tier": findings[0].tier, **texts}
    if measured := {
        each.rule: dict(each.measured) for each in findings if each.measured and each.rule in texts.get("pass", ())
    }:
        row["measured"] = measured
    return row


def every_verdict(report: Report) -> Iterator[Report]:
    """Every verdict of an audit's Report in the shape of `finding_part`, those in ``green`` too."""
    yield from report["findings"]
    for row in report.get("green", ()):  # an invoker's answer leaves it in the vault
        for verdict in GREEN:
            for rule, message in row.get(verdict, {}).items():
                yield {
                    "id": f"{rule}/{row['database']['key']}",
                    "rule": rule,
                    "verdict": verdict,
                    "message": message,
                    "repairable": False,
                    "tier": row["tier"],
                    "database": row["database"],
                    "measured": row.get("measured", {}).get(rule, {}),
                }


def finding_of(part: Report) -> Finding:
    """The finding behind a `finding_part` that is open; of its Database only what a message names is there.

    Raises:
        Unexpected: the part was not written by `finding_part`.
    """
    named = part["database"]
    ident = database_id(named["key"])
    if ident is None:
        raise Unexpected(f"a report names the database {named['key']!r}")
    database = Database(
        id=ident, arn=named["arn"], engine=named["engine"], engine_version="", status="", state=State.UNKNOWN, tags={}
    )
    verdict = Unknown(part["message"]) if part["verdict"] == "unknown" else Fail(part["message"])
    return Finding(part["rule"], database, verdict, part["tier"], part["measured"], part["repairable"])


def standings_part(standings: Standings) -> Report:
    """Which findings are new, still open, or resolved, by their identities."""
    return {
        "new": list(standings.new),
        "still_open": list(standings.still_open),
        "resolved": [{"id": ident, "now": now} for ident, now in standings.resolved],
    }


def unread_part(unread: Unread) -> Report:
    """One listing that failed."""
    return {"scope": str(unread.scope), "what": unread.what, "error": unread.error}


def not_covered_part(seen: NotCovered) -> Report:
    """One database of a kind that we do not protect."""
    return {"scope": str(seen.scope), "name": seen.name, "engine": seen.engine}


def action_part(action: Action) -> Report:
    """One planned or executed change: of settings, or of recovery points, which ``action`` then names."""
    match action:
        case ChangeSettings():
            return {
                "changes": [asdict(change) for change in action.changes],
                "reason": action.reason,
                "immediately": action.immediately,
                "may_restart": action.may_restart,
            }
        case TakeSnapshot():
            part: Report = {"action": "snapshot", "name": action.name, "slot": utc_text(action.slot)}
        case CopyPoint():
            part = {"action": "copy", "name": action.name, "source": action.source.arn, "to": str(action.to)}
            part["kms_key"] = action.kms_key
        case SharePoint():
            word = "share" if action.shared else "unshare"
            part = {"action": word, "point": action.point.arn, "account": action.account}
        case DeletePoint():
            part = {"action": "delete", "point": action.point.arn}
        case AdoptPoint():
            part = {"action": "adopt", "point": action.point.arn, "tags": dict(action.tags)}
        case ReplicateBackups():
            part = {"action": "replicate", "to": str(action.to), "kms_key": action.kms_key, "days": action.days}
    return {**part, "reason": action.reason}


def cost_part(cost: Cost | None) -> Report:
    """What one planned change would add; null where it is unknown, with the reason. Nothing for what is not planned."""
    if cost is None:
        return {}
    return {
        "estimated_gb_added": cost.gb,
        "estimated_usd_per_month": cost.usd,
        "cost_unknown": cost.unknown,
    }


def costs_part(costs: Sequence[Cost]) -> Report:
    """What all planned changes would add, as far as it is known, and by which prices and assumption."""
    known = [each for each in costs if not each.unknown]
    return {
        "estimated_gb_added": round(sum(each.gb or 0 for each in known), 1) if known or not costs else None,
        "estimated_usd_per_month": round(sum(each.usd or 0 for each in known), 2) if known or not costs else None,
        "unknown": len(costs) - len(known),
        "assumed_daily_change": DAILY_CHANGE,
        "prices": {"region": PRICE_REGION, "as_of": PRICES_AS_OF, "sources": list(PRICE_SOURCES)},
    }


def outcome_part(outcome: Outcome) -> Report:
    """What became of one Database."""
    return {
        "database": outcome.database.key,
        "arn": outcome.arn,
        "result": outcome.result.value,
        "message": outcome.message,
        "passing": outcome.passing,
        "action": action_part(outcome.action) if outcome.action else None,
    }
