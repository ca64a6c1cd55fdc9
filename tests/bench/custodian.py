"""Cloud Custodian over the same pages, in an environment of its own, its cache off as in its Lambda mode."""

from __future__ import annotations

import resource
import subprocess
from typing import TYPE_CHECKING, Final

from tests.bench.processes import REPOSITORY

if TYPE_CHECKING:
    from tests.bench.processes import Bench

COMMAND: Final = REPOSITORY / ".lab" / "bench" / "bin" / "custodian"
# The rules of the audit as its filters: window, tags, protection, encryption, reach, zones.
_POLICIES: Final = """\
policies:
  - name: instances
    resource: aws.rds
    filters:
      - or:
          - {type: value, key: BackupRetentionPeriod, op: lt, value: 14}
          - {type: value, key: CopyTagsToSnapshot, value: false}
          - {type: value, key: DeletionProtection, value: false}
          - {type: value, key: StorageEncrypted, value: false}
          - {type: value, key: PubliclyAccessible, value: true}
          - {type: value, key: MultiAZ, value: false}
          - {"tag:backup-tier": absent}
  - name: clusters
    resource: aws.rds-cluster
    filters:
      - or:
          - {type: value, key: BackupRetentionPeriod, op: lt, value: 14}
          - {type: value, key: CopyTagsToSnapshot, value: false}
          - {type: value, key: DeletionProtection, value: false}
          - {type: value, key: StorageEncrypted, value: false}
          - {"tag:backup-tier": absent}
"""


def missing() -> str:
    """Why it cannot be run here, or nothing."""
    return "" if COMMAND.exists() else f"no {COMMAND.relative_to(REPOSITORY)}: `make bench` installs c7n where it can"


def cpu(bench: Bench) -> float:
    """User and system seconds of one whole process."""
    policies = bench.folder / "custodian.yml"
    policies.write_text(_POLICIES)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [
            COMMAND,
            "run",
            "--cache-period",
            "0",
            "--region",
            "eu-west-1",
            "-s",
            str(bench.folder / "out"),
            str(policies),
        ],
        env={**bench.environment, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode or "ERROR" in done.stderr:
        raise RuntimeError(f"custodian ended with {done.returncode}: {done.stderr[-2000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
