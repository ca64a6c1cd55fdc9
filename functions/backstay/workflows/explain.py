"""Explain: one rule's verdict on one Database with all that led to it. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstay.core.decide.audit import subject_of
from backstay.core.explain import asked, by_hand, facts
from backstay.core.model import EXIT_STATUS, Status
from backstay.core.rules import RULES
from backstay.workflows.audit import audit
from backstay.workflows.observe import observe
from backstay.workflows.reports import every_verdict

if TYPE_CHECKING:
    from backstay.core.ports import World
    from backstay.core.requests import AuditRequest
    from backstay.core.rules import Rule
    from backstay.workflows.reports import Report


def declaration(rule: Rule) -> Report:
    """What a rule says of itself: the Report ``backstay.explain/1`` without a Database."""
    return {
        "schema": "backstay.explain/1",
        "status": Status.OK.value,
        "exit_status": EXIT_STATUS[Status.OK],
        "rule": {
            "id": rule.id,
            "title": rule.title,
            "severity": rule.severity.value,
            "applies_to": rule.applies_to,
            "why": rule.why,
            "fix": rule.fix,
            "source": rule.source,
            "repaired_by_protect_where_enforced": rule.repairs.value if rule.repairs else None,
            "answers": [{"framework": each.framework, "version": each.version, "id": each.id} for each in rule.answers],
        },
    }


def explain(world: World, rule: Rule, request: AuditRequest) -> Report:
    """The rule's verdict on the named Database, as audit gives it, with the facts and the policy behind it.

    Returns:
        the Report ``backstay.explain/1``: ``rule``, ``finding`` (None when the Database could not be read), ``facts``,
        ``asked`` (path in the policy and what is written there), ``command`` (AWS's own, where protect does not mend
        it; else empty) and ``unread``.

    Raises:
        BadRequest: the request names no Database that we could look at, or several.
        ProviderError: the vault failed.
    """
    report = audit(world, request)
    finding = next((each for each in every_verdict(report) if each["rule"] == rule.id), None)
    parts: Report = {"finding": finding, "facts": [], "asked": [], "command": ""}
    seen = observe(world, request)
    if finding is not None and seen.databases:
        subject = subject_of(world.policy, seen.databases[0], world.clock.now())
        mended = finding["verdict"] != "fail" or finding["repairable"]
        parts |= {
            "facts": [{"fact": name, "value": value} for name, value in facts(subject.database)],
            "asked": [{"path": path, "value": value} for path, value in asked(rule.id, subject, world.policy)],
            "command": "" if mended else by_hand(rule.id, subject, world.policy),
        }
    status = {"fail": Status.FINDINGS, "unknown": Status.UNKNOWN}.get(finding["verdict"] if finding else "unknown")
    status = status or Status.OK
    return {
        **declaration(rule),
        "status": status.value,
        "exit_status": EXIT_STATUS[status],
        **{key: report[key] for key in ("deployment", "started_at", "policy")},
        **parts,
        "unread": report["unread"],
    }


def rule_of(ident: str) -> Rule | None:
    """The rule of that identity, case aside; None when there is none."""
    return next((rule for rule in RULES if rule.id == ident.upper()), None)
