"""What properties are tried on: Databases, tiers, plans, names and JSON, as odd as their types allow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from backstay.core.decide.protect import COPY_TAGS, DELETION_PROTECTION, RETENTION, WITHDRAW, Repair
from backstay.core.model import (
    Configuration,
    Database,
    DatabaseId,
    Kind,
    Member,
    Provider,
    RecoveryWindow,
    Role,
    Scope,
    State,
)
from backstay.core.policy import Apply, Enforce, Match, Pitr, Tier
from backstay.core.restoring import Check, RestorePlan

NOW = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
DAYS = st.integers(0, 35).map(lambda days: timedelta(days=days))
NAMES = st.from_regex(r"[a-z](?:-?[a-z0-9]){0,62}", fullmatch=True).filter(lambda name: len(name) <= 63)
REGIONS = st.sampled_from(["eu-west-2", "us-gov-west-1", "ap-southeast-4", "us-iso-east-1"])
ACCOUNTS = st.from_regex(r"[0-9]{12}", fullmatch=True).filter(str.isascii)
MOMENTS = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1)).map(  # noqa: DTZ001 - made aware
    lambda moment: moment.replace(tzinfo=UTC)
)
WORDS = st.text(max_size=12)
TAGS = st.dictionaries(WORDS, WORDS, max_size=3)
SCOPES = st.builds(Scope, st.just(Provider.AWS), ACCOUNTS, REGIONS)
DATABASE_IDS = st.builds(DatabaseId, SCOPES, st.sampled_from(Kind), NAMES)
COUNTS = st.none() | st.integers(0, 64_000)
FLOATS = st.floats(0, 256, allow_nan=False)

# Lone surrogates too: JSON can carry them, UTF-8 cannot.
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)

CONFIGURATIONS = st.builds(
    Configuration,
    instance_class=WORDS,
    parameter_group=WORDS,
    security_groups=st.lists(WORDS, max_size=3).map(tuple),
    roles=st.lists(st.builds(Role, WORDS, WORDS), max_size=2).map(tuple),
    port=COUNTS,
    multi_az=st.booleans(),
    log_exports=st.lists(WORDS, max_size=2).map(tuple),
    iops=COUNTS,
    members=st.lists(st.builds(Member, NAMES, st.booleans(), WORDS, WORDS, COUNTS), max_size=3).map(tuple),
    serverless=st.none() | st.tuples(FLOATS, FLOATS),
)

PLANS = st.builds(
    RestorePlan,
    source=DATABASE_IDS,
    source_arn=WORDS,
    engine=WORDS,
    engine_version=WORDS,
    target=DATABASE_IDS,
    request_id=WORDS,
    moment=st.none() | MOMENTS,
    snapshot=WORDS,
    retention_days=st.integers(1, 35),
    deletion_protection=st.booleans(),
    copy_tags=st.booleans(),
    tags=TAGS,
    config=CONFIGURATIONS,
    writer=st.just("") | NAMES,
    gates=st.lists(st.builds(Check, WORDS, st.none() | st.booleans(), WORDS), max_size=3).map(tuple),
)


@st.composite
def databases(draw: st.DrawFn, *, ready: bool = False) -> Database:
    """A Database in any state, with or without changes pending; ``ready`` for one that protect may change."""
    ident = draw(DATABASE_IDS)
    retention = draw(DAYS)
    pending_retention = draw(st.none() | DAYS)
    pending = draw(st.dictionaries(st.sampled_from(["EngineVersion", "DBInstanceClass", "Iops"]), WORDS, max_size=2))
    if pending_retention is not None:
        pending = {**pending, "BackupRetentionPeriod": str(pending_retention.days)}
    return Database(
        id=ident,
        arn=f"arn:aws:rds:{ident.scope.region}:{ident.scope.account}:db:{ident.name}",
        engine="postgres",
        engine_version="17.6",
        status="whatever",
        state=State.AVAILABLE if ready else draw(st.sampled_from(State)),
        tags={} if ready else draw(st.sampled_from([{}, {"backstay:scratch": ""}])),
        retention=retention,
        window=RecoveryWindow(None, NOW) if retention else None,
        pending=pending,
        pending_retention=pending_retention,
        replica_of="" if ready else draw(st.sampled_from(["", "another"])),
        managed_by="" if ready else draw(st.sampled_from(["", "aws-backup"])),
        copy_tags=draw(st.none() | st.booleans()),
        deletion_protection=draw(st.none() | st.booleans()),
    )


PITRS = st.builds(Pitr, window=st.integers(1, 35).map(lambda days: timedelta(days=days)), apply=st.sampled_from(Apply))
TIERS = st.builds(
    Tier,
    name=st.just("gold"),
    match=st.just(Match(names=("*",))),
    pitr=st.none() | PITRS,
    enforce=st.none() | st.lists(st.sampled_from(Enforce), max_size=4).map(tuple),
)
ENFORCING = st.builds(
    Tier,
    name=st.just("gold"),
    match=st.just(Match(names=("*",))),
    pitr=PITRS,
    enforce=st.sets(st.sampled_from([Enforce.PITR, Enforce.COPY_TAGS, Enforce.DELETION_PROTECTION]), min_size=1).map(
        lambda each: tuple(sorted(each))
    ),
)
REPAIRS = st.lists(
    st.builds(
        Repair,
        st.timedeltas(timedelta(), timedelta(hours=2)).map(lambda ago: NOW - ago),
        st.lists(st.sampled_from([RETENTION, WITHDRAW, COPY_TAGS, DELETION_PROTECTION]), max_size=2).map(tuple),
    ),
    max_size=4,
).map(tuple)
