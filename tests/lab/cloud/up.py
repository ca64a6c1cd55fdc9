"""`python -m tests.lab up [--json] [--deploy]`: start the lab, say where it is, stay until a signal, leave nothing."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from .crew import LabError
from .deploy import DeployError
from .lab import Lab
from .signals import Interrupted, interruptible

LOOK_SECONDS = 1.0


def describe(lab: Lab, seconds: float) -> dict[str, Any]:
    """Where everything is, as `--json` prints it; `environment` points the AWS CLI, boto3 and `backstay` here."""
    return {
        "ready": True,
        "seconds": round(seconds, 2),
        "endpoint": lab.endpoint,
        "rds_endpoint": lab.rds_endpoint,
        "account": lab.account,
        "home": lab.region,
        "regions": list(lab.regions),
        "ca_bundle": str(lab.ca_bundle),
        "root": str(lab.root),
        "environment": lab.environment(),
    }


def text(told: dict[str, Any]) -> str:
    """The same for people: lines to paste into another terminal."""
    exports = "\n".join(f"export {name}={value}" for name, value in told["environment"].items())
    return (
        f"The lab is ready ({told['seconds']} s): account {told['account']}, regions {', '.join(told['regions'])} "
        f"({told['home']} is home).\nFolder, logs and recorded calls: {told['root']}\n\n"
        f"In another terminal, for the AWS CLI, boto3 and backstay:\n\n{exports}\n\n"
        "Ctrl-C ends it and leaves nothing behind."
    )


def main(arguments: list[str]) -> int:
    """Exit status 0 when ended by a signal after it was ready, 128 + signal before that, 1 when something failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab up", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object on one line")
    parser.add_argument("--deploy", action="store_true", help="deploy the template into the lab as well")
    options = parser.parse_args(arguments)
    ready = False
    try:
        with interruptible():
            began = time.monotonic()
            with Lab.start() as lab:
                if options.deploy:
                    lab.deploy()
                told = describe(lab, time.monotonic() - began)
                print(json.dumps(told) if options.json else text(told), flush=True)
                ready = True
                while True:
                    time.sleep(LOOK_SECONDS)
                    lab.check()
    except Interrupted as interrupted:
        return 0 if ready else interrupted.status
    except (LabError, DeployError) as error:
        print(error, file=sys.stderr)
        return 1
