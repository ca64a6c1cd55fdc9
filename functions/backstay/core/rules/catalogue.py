"""The rules as a document: docs/rules.md is made of the declarations, and a test holds the two together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from backstay.core.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstay.core.rules import Rule

_HEAD: Final = """# The audit's rules

Made from the code by `make rules`; change [`core/rules/`](../functions/backstay/core/rules), not this page.

Every rule answers with *pass*, *fail*, *skipped* (with the reason) or *unknown* (with the error) for every database.
All are skipped for a database that is exempt, managed elsewhere, in no tier (which BK003 reports), being deleted or
tagged `backstay:scratch`. What a tier does not ask for is skipped as *not asked*: BK009 to BK013 ask what its `require`
lists, BK001 and BK025 need its `pitr`, BK002 and BK024 its `objectives`, BK004 to BK008 and BK021 its `snapshots`,
`copies` or `replicate_to`.

BK017, BK019, BK020 and BK024 look at what stands around the databases. Per region and audit that is one page chain each
of parameter groups, cluster parameter groups, option groups, subnet groups, subnets, security groups, forwarding rules
and quotas, plus one call for each KMS key in use and one for each combination of engine, version and class, none per
database. All of it runs beside the walk over the databases. Of what could not be read, exactly the rules that need it
are *unknown*.

BK004 to BK008 look at recovery points. Where a tier asks for any, an audit lists the snapshots of every account and
region that could hold them, in one walk beside that over the databases, looks up each KMS key in use once per place,
and lists what is replicated where `replicate_to` is asked. Whom a snapshot is shared with is told by no listing: an
audit of everything looks at 300 manual snapshots of each account and region at most, first at those that nobody has
looked at, then at those that nobody has looked at for longest, and remembers the answers in the vault for 30 days. An
audit of one database looks at all of its own. Under a policy that asks for none of this, no call is made for it.

Not covered, and listed as such when seen: Amazon DocumentDB and Neptune, which answer on the RDS API. Aurora DSQL has
an API of its own, which we do not read: it is not seen at all, and only AWS Backup backs it up.
"""


def catalogue() -> str:
    """The whole page, in Markdown."""
    rows = "\n".join(f"| [{rule.id}](#{rule.id.lower()}) | {rule.title} | {rule.severity} |" for rule in RULES)
    table = f"| {len(RULES)} rules | the database… | severity |\n|---|---|---|\n{rows}\n"
    return "\n".join([_HEAD, table, *(f"{_section(rule)}\n" for rule in RULES)]).rstrip() + "\n"


def _section(rule: Rule) -> str:
    return "\n".join([f"## {rule.id}", "", f"**{rule.title}.** Severity {rule.severity}.", "", *_lines(rule)])


def _lines(rule: Rule) -> Iterator[str]:
    yield f"- Applies to: {rule.applies_to}."
    yield f"- Why: {rule.why}"
    yield f"- What to do: {rule.fix}"
    if rule.repairs:
        yield f"- Repaired by protect where the tier's `enforce` lists `{rule.repairs}`."
    yield f"- Source: {rule.source if '://' in rule.source else _link(rule.source)}"
    yield f"- Answers: {_answers(rule) or 'nothing in another framework'}."


def _link(source: str) -> str:
    name = source.removeprefix("docs/")
    return f"[{name}]({name})"


def _answers(rule: Rule) -> str:
    frameworks: dict[str, list[str]] = {}
    for each in rule.answers:
        frameworks.setdefault(f"{each.framework} ({each.version})", []).append(each.id)
    return "; ".join(f"{name} {', '.join(ids)}" for name, ids in frameworks.items())
