"""``simulate``: which points a keep rule keeps, by the very function that prunes. Local: it asks nobody anything."""

from __future__ import annotations

import json
import sys
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from backstay.cli import screen
from backstay.cli.keeping import backstay
from backstay.core.errors import BadRequest
from backstay.core.model import EXIT_STATUS, Status, parse_moment, utc_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from rich.console import Console

    from backstay.core.asks import Keep
    from backstay.core.retention import Selection

__all__ = ["backstay"]

Report = dict[str, Any]
_KEEP: Final = "last=N,hourly=N,daily=N,weekly=N,monthly=N,yearly=N"
_MOST: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Moment:
    """A made-up point. ``key`` is its place in the input, so that two of the same second stay two."""

    at: datetime
    key: str


@backstay.command(
    epilog="\b\nExamples:\n"
    "  backstay simulate --keep daily=7,weekly=4,monthly=12 --every 1d --for 400d\n"
    "  backstay simulate times.txt --keep daily=7,yearly=unlimited --timezone Europe/London\n"
    "  aws rds describe-db-snapshots --query 'DBSnapshots[].SnapshotCreateTime' --output text | tr '\\t' '\\n' |\n"
    "    backstay simulate - --keep last=3 --json"
)
@click.argument("file", required=False)
@click.option("--keep", metavar=_KEEP, required=True, help="The keep rule; N is a count, or unlimited (-1).")
@click.option("--timezone", metavar="ZONE", default="UTC", show_default=True, help="In which days are counted.")
@click.option(
    "--now", "moment", metavar="MOMENT", help="RFC 3339; what is later is from a wrong clock.  [default: now]"
)
@click.option("--every", metavar="DURATION", help="Instead of FILE: a schedule, e.g. 1d or 6h, that ends now ...")
@click.option("--for", "span", metavar="DURATION", help="... and began so long ago, e.g. 400d.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def simulate(
    *,
    file: str | None,
    keep: str,
    timezone: str,
    moment: str | None,
    every: str | None,
    span: str | None,
    as_json: bool,
) -> int:
    """Show which points a keep rule keeps, and why each stays or goes.

    FILE has a moment per line, RFC 3339 with a zone; - is standard input. Nothing is read but it, nothing is changed.
    """
    from backstay.core.retention import select  # noqa: PLC0415

    rule, zone = keep_of(keep), _zone(timezone)
    now = parse_moment(moment, "--now") if moment else datetime.now(UTC).replace(microsecond=0)
    if (file is None) == (not (every or span)):
        accepted = "a FILE, - for standard input, or --every and --for instead"
        raise BadRequest("no points, or two sources of them", field="FILE", value=file, accepted=accepted)
    points = list(_read(file) if file else _scheduled(every, span, zone, now))
    chosen = select(points, rule, zone, now)
    report = _report(chosen, timezone, now)
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        _show(screen.console(), chosen, zone, report)
    return 0


def keep_of(text: str) -> Keep:
    """``daily=7,monthly=unlimited`` as a keep rule.

    Raises:
        BadRequest: it is none, or keeps nothing.
    """
    from backstay.config import validate  # noqa: PLC0415  # imports pydantic: too slow for --help
    from backstay.core.asks import Keep  # noqa: PLC0415

    counts: dict[str, int | str] = {}
    for part in text.split(","):
        kind, equals, count = (each.strip() for each in part.partition("="))
        if not equals or kind in counts:
            what = "is given twice" if equals else "is not a part of a keep rule"
            raise BadRequest(what, field="--keep", value=part[:80], accepted=_KEEP)
        counts[kind] = "unlimited" if count in ("-1", "unlimited") else _number(count)
    rule = validate(Keep, counts, "--keep")
    if rule.empty:
        raise BadRequest("keeps nothing", field="--keep", value=text[:80], accepted="at least one count above 0")
    return rule


def _number(text: str) -> int | str:
    return int(text) if text.isdecimal() and len(text) < len(str(sys.maxsize)) else text


def _zone(text: str) -> ZoneInfo:
    from backstay.core.notation import Unacceptable, parse_zone  # noqa: PLC0415

    try:
        return parse_zone(text)
    except Unacceptable as exc:
        raise BadRequest(str(exc), field="--timezone", value=text[:80], accepted=exc.accepted) from exc


def _read(file: str) -> Iterator[Moment]:
    if file == "-":
        yield from _lines(sys.stdin)
        return
    try:
        with open(file, encoding="utf-8") as opened:  # noqa: PTH123  # a path of the caller's own, read only
            yield from _lines(opened)
    except (OSError, UnicodeDecodeError) as exc:
        raise BadRequest(f"cannot be read ({exc})", field="FILE", value=file, accepted="a text file") from exc


def _lines(source: TextIO) -> Iterator[Moment]:
    for number, line in enumerate(source, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield Moment(parse_moment(text[:80], f"line {number}"), f"{number:09}")


def _scheduled(every: str | None, span: str | None, zone: ZoneInfo, now: datetime) -> Iterator[Moment]:
    """A run every so often up to now: days are the zone's own, so that 03:00 stays 03:00 when clocks change."""
    step, whole = _duration(every, "--every"), _duration(span, "--for")
    if whole / step > _MOST:
        raise BadRequest("is too much", field="--for", value=span, accepted=f"at most {_MOST} points")
    day = timedelta(days=1)
    local = now.astimezone(zone)
    for number in range(whole // step + 1):
        back = number * step
        at = (local - back).astimezone(UTC) if step % day == timedelta(0) else now - back
        yield Moment(at, f"{number:09}")


def _duration(text: str | None, option: str) -> timedelta:
    from backstay.core.notation import Unacceptable, parse_duration  # noqa: PLC0415

    if text is None:
        raise BadRequest("is missing", field=option, accepted="both --every and --for, e.g. --every 1d --for 400d")
    try:
        return parse_duration(text)
    except Unacceptable as exc:
        raise BadRequest(str(exc), field=option, value=text[:80], accepted=exc.accepted) from exc


def _report(chosen: Selection[Moment], timezone: str, now: datetime) -> Report:
    return {
        "schema": "backstay.simulate/1",
        "status": Status.OK.value,
        "exit_status": EXIT_STATUS[Status.OK],
        "timezone": timezone,
        "now": utc_text(now),
        "keep": [{"time": utc_text(each.point.at), "reasons": list(each.reasons)} for each in chosen.kept],
        "remove": [{"time": utc_text(each.point.at), "reason": each.reason} for each in chosen.removed],
    }


# From fine to coarse: a day shows the coarsest kind that one of its points stays for.
_SIGNS: Final = {
    "last": ("L", "green"),
    "hourly": ("H", "green"),
    "daily": ("D", "bold green"),
    "weekly": ("W", "bold cyan"),
    "monthly": ("M", "bold yellow"),
    "yearly": ("Y", "bold magenta"),
    "its": ("?", "bold red"),
}
_GONE: Final = ("\N{MIDDLE DOT}", "dim")


def _show(target: Console, chosen: Selection[Moment], zone: ZoneInfo, report: Report) -> None:
    if target.is_terminal:
        _calendar(target, chosen, zone)
    else:
        rows = [("keep", each["time"], ", ".join(each["reasons"])) for each in report["keep"]]
        rows += [("remove", each["time"], each["reason"]) for each in report["remove"]]
        if rows:
            screen.draw(target, screen.grid(list(rows), indent=0))
    kept, gone = len(report["keep"]), len(report["remove"])
    screen.put(target, (f"{kept} kept", "bold green"), f", {gone} removed, of {kept + gone}; {report['timezone']}")


def _calendar(target: Console, chosen: Selection[Moment], zone: ZoneInfo) -> None:
    """A line per month, newest last, and a sign per day."""
    from rich.text import Text  # noqa: PLC0415

    order = list(_SIGNS)
    days = {each.point.at.astimezone(zone).date(): _GONE for each in chosen.removed}
    words = [(each.reasons[-1].split()[0], each.point.at.astimezone(zone).date()) for each in chosen.kept]
    for word, day in sorted(words, key=lambda each: order.index(each[0])):
        days[day] = _SIGNS[word]
    for year, month in sorted({(day.year, day.month) for day in days}):
        line = Text(f"{year}-{month:02}  ")
        for number in range(1, monthrange(year, month)[1] + 1):
            line.append(*days.get(date(year, month, number), (" ", "")))
        screen.draw(target, line)
    screen.put(target)
    legend = [part for word, sign in _SIGNS.items() if word != "its" for part in (sign, f" {word}  ")]
    screen.put(target, *legend, _GONE, " removed")
