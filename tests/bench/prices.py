"""What AWS charges, in US dollars, eu-west-1, without the free tier. The one place to correct.

As published on 2026-11-01 on https://aws.amazon.com/lambda/pricing/, /s3/pricing/, /eventbridge/pricing/,
/cloudwatch/pricing/, /kms/pricing/ and /sqs/pricing/; the prices of requests for the Standard storage class, of Lambda
for arm64. The same in the three regions that are counted.
"""

from __future__ import annotations

from typing import Final

DATE: Final = "2026-11-01"

LAMBDA_GB_SECOND: Final = 0.0000133334
LAMBDA_REQUEST: Final = 0.20 / 1e6
S3_WRITE: Final = 0.005 / 1000
S3_READ: Final = 0.0004 / 1000
S3_GB_MONTH: Final = 0.023
EVENT: Final = 1.00 / 1e6  # custom events; those of AWS services are free until they are sent to another bus
EVENT_FORWARDED: Final = 1.00 / 1e6
SCHEDULE: Final = 1.00 / 1e6
ALARM_MONTH: Final = 0.10
METRIC_MONTH: Final = 0.30
LOG_GB: Final = 0.57
KMS_KEY_MONTH: Final = 1.00
KMS_REQUEST: Final = 0.03 / 10_000
