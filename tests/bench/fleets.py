"""What an audit costs: time, processor, calls, memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.bench import custodian
from tests.bench.content import LISTINGS, PAGE, combinations, keys
from tests.bench.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.bench.processes import Bench

DELAY_MS: Final = 80
HOME: Final = "eu-west-1"
_WIDE: Final[Mapping[str, tuple[int, int]]] = {
    HOME: (1000, 300),
    "eu-west-2": (700, 200),
    "eu-central-1": (400, 100),
    "us-east-1": (100, 100),
}


def rows(bench: Bench, *, quick: bool) -> Iterator[Row]:
    """All of them; ``quick`` measures a tenth of it, once."""
    runs, scale = (1, 10) if quick else (5, 1)
    yield from _walls(bench, runs, scale)
    yield from _cpu(bench, runs, scale)
    yield _memory(bench, scale)


def _walls(bench: Bench, runs: int, scale: int) -> Iterator[Row]:
    """With clients that are there already, on both sides: what making them takes is in the other rows."""
    fleet = {region: (instances // scale, clusters // scale) for region, (instances, clusters) in _WIDE.items()}
    regions = ",".join(fleet)
    bench.fleet(fleet, DELAY_MS)
    chain = ("chain", HOME, "describe_db_instances")
    turns = [(bench.measure(*chain)["wall"], bench.measure("audit", regions, "warm")["wall"]) for _ in range(runs)]
    longest, audit = (min(each) for each in zip(*turns, strict=True))
    serial = bench.measure("bare", regions)["wall"]
    how = f"{audit:.2f} s; longest page chain {longest:.2f} s; one after the other {serial:.2f} s"
    yield Row("audit: wall / longest chain", audit / longest, 1.15, how=how)
    bench.calls()
    bench.measure("audit", regions)
    made = bench.calls()
    pages = sum(-(-count // PAGE) for sizes in fleet.values() for count in sizes) + LISTINGS * len(fleet)
    single = sum(keys(*sizes) + combinations(*sizes) for sizes in fleet.values())
    calls = sum(made.values())
    how = f"{calls} calls; {pages} pages, {single} for distinct keys and classes; {len(made)} operations"
    yield Row("audit: calls / pages", calls / (pages + single), 1.0, how=how)


def _cpu(bench: Bench, runs: int, scale: int) -> Iterator[Row]:
    """Both sides with the making of their clients; the audit finds what the last one remembered."""
    bench.fleet({HOME: (2000 // scale, 300 // scale)})
    file = str(bench.folder / "remembered.json")
    bench.measure("remembered", HOME, file)
    why = custodian.missing()
    # In turn, so that none of them alone meets the others of a busy machine; the least of each has met them least.
    turns = [
        (bench.measure("bare", HOME), bench.measure("audit", HOME, file), None if why else custodian.cpu(bench))
        for _ in range(runs)
    ]
    bare = min((turn[0] for turn in turns), key=lambda each: float(each["cpu"]))
    audit = min((turn[1] for turn in turns), key=lambda each: float(each["cpu"]))
    assert audit["databases"] == bare["databases"], "not the same fleet"
    how = f"{audit['cpu']:.2f} s; bare boto3 {bare['cpu']:.2f} s; without imports; {audit['databases']} databases"
    yield Row("audit: CPU / bare boto3", audit["cpu"] / bare["cpu"], 1.25, how=how)
    ours, theirs = min(turn[1]["process_cpu"] for turn in turns), [turn[2] for turn in turns if turn[2]]
    if not theirs:
        yield Row("audit: CPU / Cloud Custodian", None, 0.6, how=why)
        return
    how = f"{ours:.2f} s; custodian {min(theirs):.2f} s; whole processes"
    yield Row("audit: CPU / Cloud Custodian", ours / min(theirs), 0.6, how=how)


def _memory(bench: Bench, scale: int) -> Row:
    sizes = []
    for count in (2_000, 20_000):
        bench.fleet({HOME: (count // scale, 0)})
        sizes.append(bench.measure("audit", HOME, "folder")["rss_mb"])
    small, large = sizes
    return Row(
        "audit: memory, 10 x the databases", large / small, 2.0, how=f"{large:.0f} MB and {small:.0f} MB at most"
    )
