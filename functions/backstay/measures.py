"""EMF metrics of a run, from its Report.

Dimensions are tier and region only, since a custom metric costs money per combination; per-Database figures are in the
Report.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from backstay.core.model import Result

if TYPE_CHECKING:
    from aws_lambda_powertools.metrics import Metrics

Report = dict[str, Any]


def measure(verb: str, report: Report, *, heartbeat: bool) -> None:
    """Publishes what a run found; with ``heartbeat``, that the verb's schedule is alive."""
    from aws_lambda_powertools import Metrics  # noqa: PLC0415
    from aws_lambda_powertools.metrics import MetricUnit  # noqa: PLC0415

    metrics = Metrics(service=verb)
    if heartbeat:
        metrics.add_metric("Heartbeat", MetricUnit.Count, 1)
    metrics.add_metric("NeedsAttention", MetricUnit.Count, _needing_attention(report))
    if "places" in report:
        _add_copies(metrics, report)
    if "pruned" in report:
        metrics.add_metric(
            "BlastRadiusRefused", MetricUnit.Count, sum(bool(each["beyond"]) for each in report["pruned"])
        )
    metrics.flush_metrics()
    _measure_findings(metrics, report)
    _measure_copies(metrics, report)


def _add_copies(metrics: Metrics, report: Report) -> None:
    """Over all places, for the alarms; no age where something could not be read, since it may be older."""
    from aws_lambda_powertools.metrics import MetricUnit  # noqa: PLC0415

    metrics.add_metric("CopiesWaiting", MetricUnit.Count, report["waiting"])
    metrics.add_metric("DatabasesWithoutCopy", MetricUnit.Count, sum(row["without"] for row in report["places"]))
    ages = [row["oldest_newest_seconds"] for row in report["places"] if row["oldest_newest_seconds"] is not None]
    if ages and not report["unread"]:
        metrics.add_metric("NewestCopyAge", MetricUnit.Seconds, max(ages))


def _measure_copies(metrics: Metrics, report: Report) -> None:
    """Per tier and region: the age of the newest copy of the Database that is worst off there."""
    from aws_lambda_powertools.metrics import MetricUnit, single_metric  # noqa: PLC0415

    torn = {each["scope"].split("/")[-1] for each in report.get("unread", ())}
    for row in report.get("places", ()):
        age = row["oldest_newest_seconds"]
        if age is None or row["region"] in torn:
            continue
        with single_metric("NewestCopyAge", MetricUnit.Seconds, age, namespace=metrics.namespace) as metric:
            metric.service = ""  # else POWERTOOLS_SERVICE_NAME becomes a third dimension
            metric.add_dimension("tier", row["tier"])
            metric.add_dimension("region", row["region"])


def _needing_attention(report: Report) -> int:
    """What a person has to look into: listings that failed, a stand-in policy, repairs refused or failed for good."""
    stale = bool(report.get("policy", {}).get("stale"))
    lasting = [
        outcome
        for outcome in report.get("outcomes", ())
        if outcome["result"] in (Result.REFUSED, Result.FAILED) and not outcome["passing"]  # else it is tried again
    ]
    return len(report.get("unread", ())) + stale + len(lasting)


def _measure_findings(metrics: Metrics, report: Report) -> None:
    failing: Counter[tuple[str, str]] = Counter()
    torn = {each["scope"].split("/")[-1] for each in report.get("unread", ())}
    for row in report.get("tiers", ()):  # a zero too: it ends an alarm, so none where something was left unread
        if row["region"] not in torn:
            failing[row["tier"] or "none", row["region"]] += row["open"]
    from aws_lambda_powertools.metrics import MetricUnit, single_metric  # noqa: PLC0415

    for (tier, region), count in sorted(failing.items()):
        with single_metric("OpenFindings", MetricUnit.Count, count, namespace=metrics.namespace) as metric:
            metric.service = ""  # else POWERTOOLS_SERVICE_NAME becomes a third dimension
            metric.add_dimension("tier", tier)
            metric.add_dimension("region", region)
