"""What AWS charges, in US dollars, in eu-west-1 (home) and without the free tier. The one place to correct.

From AWS's price list, https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/<service>/current/<region>/index.json, by
way of public copies of it: docs/costs/aws-ireland-rates.json in github.com/henderjm/world-cup-sweepstake (2026-10-04)
and backend/config/pricing_eu-west-1.json in github.com/mamtha4u/SDLC (2026-10-02). The date beside a price is when AWS
published it; the usage type is the list's. What no copy of eu-west-1's list holds says what it is taken from instead.
"""

from __future__ import annotations

from typing import Final

DATE: Final = "2026-10-02"

LAMBDA_GB_SECOND: Final = 0.0000133334  # EU-Lambda-GB-Second-ARM, 2026-10-01
LAMBDA_REQUEST: Final = 0.20 / 1e6  # EU-Request-ARM, 2026-10-01
S3_WRITE: Final = 0.005 / 1000  # EU-Requests-Tier1, 2026-09-28
S3_READ: Final = 0.0004 / 1000  # EU-Requests-Tier2, 2026-09-28
S3_GB_MONTH: Final = 0.023  # EU-TimedStorage-ByteHrs, 2026-09-28
ALARM_MONTH: Final = 0.10  # EU-CW:AlarmMonitorUsage, 2026-09-22; in eu-west-2 the same
# EU-CW:MetricMonitorUsage, 2026-09-22; in eu-west-2 the same. Charged for the hours in which it is sent (CloudWatch's
# pricing page: "prorated by the hour and metered only when you send metrics", as quoted by others).
METRIC_MONTH: Final = 0.30
LOG_GB: Final = 0.57  # EU-DataProcessing-Bytes, 2026-09-22
SQS_REQUEST: Final = 0.40 / 1e6  # EU-Requests-Tier1, 2026-09-11
# Published on 2026-09-11 for eu-west-2; us-east-1's are the same.
KMS_KEY_MONTH: Final = 1.00
KMS_REQUEST: Final = 0.03 / 10_000
# us-east-1's; guides of 2026 say that all commercial regions have it. AWS's own events are free until they are sent on.
EVENT: Final = 1.00 / 1e6
EVENT_FORWARDED: Final = 1.00 / 1e6
# eu-west-2's, published on 2026-09-24: the dearer of the two that were found (us-east-1: 1.00).
SCHEDULE: Final = 1.15 / 1e6
# Lambda asks an empty queue by five pollers, each waiting 20 s (reckoned by others, not published by AWS).
IDLE_POLLS_MONTH: Final = 5 * 30 * 24 * 3600 // 20
