"""Why a rule says what it says of a Database: from which facts, asked where in the policy, and what to do."""

from __future__ import annotations

import shlex
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from backstay.core.model import Kind, utc_text
from backstay.core.notation import UNLIMITED, duration_text
from backstay.core.tiering import Elsewhere, Exempt, InTier, Scratch, Unplaced

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backstay.core.model import Database
    from backstay.core.policy import Copy, Keep, Pitr, Policy, Snapshots, Tier
    from backstay.core.rules import Subject

Facts = tuple[tuple[str, str], ...]

# Which blocks of a tier a rule asks from. A rule that is not here asks nothing of a tier but to be one.
ASKS: Final[Mapping[str, tuple[str, ...]]] = {
    "BK001": ("pitr",),
    "BK002": ("objectives",),
    "BK004": ("snapshots",),
    "BK005": ("snapshots", "copies"),
    "BK006": ("snapshots", "copies", "pitr"),
    "BK007": ("snapshots", "copies"),
    "BK008": ("snapshots", "copies"),
    "BK009": ("require",),
    "BK010": ("require",),
    "BK011": ("require",),
    "BK012": ("require",),
    "BK013": ("require",),
    "BK021": ("copies",),
    "BK024": ("objectives",),
    "BK025": ("pitr",),
}
_SUMMARIES: Final = {
    "pitr": lambda tier: _pitr(tier.pitr),
    "snapshots": lambda tier: _snapshots(tier.snapshots),
    "copies": lambda tier: "; ".join(_copy(each) for each in tier.copies) or "none",
    "objectives": lambda tier: f"rpo {duration_text(tier.objectives.rpo)}, rto {duration_text(tier.objectives.rto)}",
    "require": lambda tier: ", ".join(tier.require) or "nothing",
    "enforce": lambda tier: ", ".join(tier.enforce) or "nothing: report only",
}


def _pitr(asked: Pitr) -> str:
    away = f", replicate_to {asked.replicate_to}" if asked.replicate_to else ""
    return f"window {duration_text(asked.window)}, apply {asked.apply}{away}"


def _snapshots(asked: Snapshots) -> str:
    return f"every {duration_text(asked.every)} at {asked.at:%H:%M}, keep {_keep(asked.keep)}"


def _copy(asked: Copy) -> str:
    return f"to {asked.to}, keep {_keep(asked.keep)}{', immutable' if asked.immutable else ''}"


def _keep(keep: Keep) -> str:
    counts = {each.name: getattr(keep, each.name) for each in fields(keep)}
    return ", ".join(
        f"{name} {'unlimited' if count == UNLIMITED else count}" for name, count in counts.items() if count
    )


def facts(database: Database) -> Facts:
    """What was read of the Database, as far as rules look at it; name and text."""
    window = utc_text(database.window.latest.replace(microsecond=0)) if database.window else "no moment can be restored"
    shown = [
        ("status", database.status),
        ("engine", f"{database.engine} {database.engine_version}".strip()),
        ("PITR window", f"{database.retention.days} d" if database.retention else "PITR is off"),
        ("restorable to", window),
        ("tags", ", ".join(f"{key}={value}" for key, value in sorted(database.tags.items())) or "none"),
        ("pending", ", ".join(f"{key}: {value}" for key, value in sorted(database.pending.items())) or "nothing"),
    ]
    if database.replicated_to:
        shown.append(("backups replicated to", ", ".join(arn.split(":")[3] for arn in database.replicated_to)))
    if database.replica_of:
        shown.append(("replica of", database.replica_of))
    if database.managed_by:
        shown.append(("backups owned by", database.managed_by))
    return tuple(shown)


def asked(rule: str, subject: Subject, policy: Policy) -> Facts:
    """Where in the policy the Database's place and the rule's demand stand: path and what is written there."""
    match subject.placement:
        case InTier(tier=tier):
            where = next(position for position, each in enumerate(policy.tiers) if each.name == tier.name)
            placed = (f"tiers[{where}].match", f"the first tier that matches: {tier.name}")
            blocks = (*ASKS.get(rule, ()), "enforce")
            return (placed, *(_block(block, tier, policy, where) for block in blocks))
        case Exempt(exemption):
            where = policy.exempt.index(exemption)
            return ((f"exempt[{where}]", f"until {exemption.until}: {exemption.reason}"),)
        case Elsewhere(by=by):
            where = next(position for position, each in enumerate(policy.managed_elsewhere) if each.by == by)
            return ((f"managed_elsewhere[{where}]", f"by {by}"),)
        case Scratch():
            return (("nowhere", "tagged backstay:scratch: nothing is asked of it"),)
        case Unplaced(reason=reason):
            return (("nowhere", reason),)


def _block(name: str, tier: Tier, policy: Policy, where: int) -> tuple[str, str]:
    """A block of the tier, with the path that it was taken from: the tier itself, or the defaults."""
    if getattr(policy.tiers[where], name) is not None:
        path = f"tiers[{where}].{name}"
    elif getattr(policy.defaults, name) is not None:
        path = f"defaults.{name}"
    else:
        return f"tiers[{where}].{name}", "not asked"
    return path, _SUMMARIES[name](tier)


def by_hand(rule: str, subject: Subject, policy: Policy) -> str:
    """The AWS command that mends it where protect does not; empty where there is no such single command."""
    database, placement = subject.database, subject.placement
    if rule == "BK003" and isinstance(placement, Unplaced):
        tag = next((tag for tier in policy.tiers if (tag := _plain_tag(tier))), None)
        if tag is None:
            return ""
        words = [
            "rds",
            "add-tags-to-resource",
            "--resource-name",
            database.arn,
            "--tags",
            f"Key={tag[0]},Value={tag[1]}",
        ]
        return _aws(words, database)
    if rule == "BK001" and isinstance(placement, InTier) and placement.tier.pitr is not None:
        days = str(placement.tier.pitr.window.days)
        kind = "instance" if database.id.kind is Kind.INSTANCE else "cluster"
        words = [
            "rds",
            f"modify-db-{kind}",
            f"--db-{kind}-identifier",
            database.name,
            "--backup-retention-period",
            days,
        ]
        return _aws(words, database)
    return ""


def _plain_tag(tier: Tier) -> tuple[str, str] | None:
    """The one tag without a glob that puts a Database into the tier, if one alone does."""
    match = tier.match
    others = match.names or match.providers or match.accounts or match.regions or match.engines
    if others or len(match.tags) != 1:
        return None
    ((key, values),) = match.tags.items()
    return None if set("*?[") & set(key + values[0]) else (key, values[0])


def _aws(words: list[str], database: Database) -> str:
    return shlex.join(["aws", *words, "--region", database.id.scope.region])
