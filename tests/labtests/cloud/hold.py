"""A lab that stays until a signal: what `python -m tests.lab up` does, with the sample deployed and a warm worker."""

from __future__ import annotations

import json
import sys
import time

from tests.lab.cloud import deploy
from tests.lab.cloud.lab import Lab
from tests.lab.cloud.signals import Interrupted, interruptible
from tests.labtests.cloud.conftest import SAMPLE, STUB


def main() -> int:
    try:
        with interruptible(), Lab.start(rds=STUB) as lab:
            code = deploy.package(SAMPLE, ["handlers.py"])
            lab.deploy_stack("sample", (SAMPLE / "sample.yaml").read_text(), code=code)
            lab.invoke("sample-keep", {"id": "warm"})
            print(json.dumps({"root": str(lab.root)}), flush=True)
            while True:
                time.sleep(60)
    except Interrupted as interrupted:
        return interrupted.status


if __name__ == "__main__":
    sys.exit(main())
