"""A fleet that is too large for one run, audited over the real queue by the deployed function."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab.cloud.lab import Lab
from tests.lab.demo.fleet import REGION, Fleet

pytestmark = pytest.mark.e2e
# With the lab's own two, one more than one run takes. The lab's RDS answers nobody there.
ELSEWHERE = (
    *("af-south-1", "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2"),
    *("ca-central-1", "eu-central-1", "eu-north-1", "eu-south-1", "me-south-1", "sa-east-1", "us-east-1", "us-east-2"),
)
SOON = 150  # the order to merge is not seen for its first minute


def reports(lab: Lab, prefix: str) -> list[dict[str, Any]]:
    s3, vault = lab.client("s3"), f"backstay-vault-{lab.account}-{lab.region}"
    found = s3.list_objects_v2(Bucket=vault, Prefix=prefix).get("Contents", [])
    return [json.loads(s3.get_object(Bucket=vault, Key=each["Key"])["Body"].read()) for each in found]


def test_given_seventeen_regions_when_the_schedule_fires_then_one_merged_report_that_names_what_is_unread() -> None:
    with Lab.start() as lab:
        Fleet(lab).create()
        lab.deploy({"Regions": ",".join((*lab.regions, *ELSEWHERE))})
        begun = lab.invoke("backstay-audit", {"all": True})
        assert (begun["status"], begun["waiting_for"]) == ("pending", 17)

        def merged() -> dict[str, Any] | None:
            return next((each for each in reports(lab, "reports/audit/") if "shards" in each), None)

        report = lab.until("the merged report", merged, seconds=SOON)
        assert len(report["shards"]) == 17
        assert {each["scope"] for each in report["shards"] if each["databases"]} == {f"aws/{lab.account}/{REGION}"}
        unread = {each["scope"] for each in report["unread"]}
        assert unread == {f"aws/{lab.account}/{region}" for region in ELSEWHERE}
        assert (report["status"], report["exit_status"]) == ("unknown", 2)
        assert {"orders", "ledger"} <= {each["database"]["name"] for each in report["findings"]}
        assert len(reports(lab, f"shards/audit/{begun['run']}/")) == 17 + 2
        assert len(reports(lab, "heartbeat/audit.json")) == 1
        assert [line["error"] for line in lab.invocations() if line["error"]] == []
