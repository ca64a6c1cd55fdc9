"""`python -m tests.lab demo [--json] [--fault NAME]`: the story from the first process to the last row."""

from __future__ import annotations

import argparse
import json
import sys
import time

from tests.lab.cloud.crew import LabError
from tests.lab.cloud.lab import Lab
from tests.lab.cloud.signals import Interrupted, interruptible
from tests.lab.demo.fleet import Fleet
from tests.lab.demo.steps import Step, StepFailed, Story
from tests.lab.demo.story import Tale

# Each is noticed by exactly this step.
FAULTS = {
    "protect-lies": "protect-repairs",
    "wal-gap": "restore-orders",
    "late-restore": "compare-orders",
    "row-lost": "compare-orders",
    "no-writer": "restore-ledger",
    "copy-missing": "copies",
    "wrong-key": "copies",
}


def main(arguments: list[str]) -> int:
    """Exit status 0 when every step is ok, 1 when one fails, 128 + signal when interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab demo", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output, nothing else")
    parser.add_argument("--fault", choices=sorted(FAULTS), help="plant a fault: the step that should notice it fails")
    options = parser.parse_args(arguments)
    story = Story(quiet=options.json)
    began = time.monotonic()
    try:
        with interruptible():
            _run(story, options.fault)
    except Interrupted as interrupted:
        return interrupted.status
    seconds = round(time.monotonic() - began, 2)
    if options.json:
        print(json.dumps(story.result(seconds=seconds, fault=options.fault), indent=2))
    else:
        story.say(f"{'all ok' if story.ok else 'FAILED'}: {len(story.steps)} steps in {seconds:.1f} s")
    return 0 if story.ok else 1


def _run(story: Story, fault: str | None) -> None:
    labs: list[Lab] = []

    def boot(step: Step) -> None:
        lab = Lab.start()
        labs.append(lab)
        if fault:
            lab.rds_admin("POST", "plant", {"fault": fault})
        step.expected, step.actual = ["eu-west-1", "eu-west-2"], list(lab.regions)
        step.detail = "embedded AWS, durable runner, RDS over real PostgreSQL; loopback only, home eu-west-1"

    try:
        story.tell("lab", boot)
        Tale(labs[0], story, Fleet(labs[0])).tell()
    except StepFailed:
        pass  # the story holds it
    except LabError as error:
        print(error, file=sys.stderr)
        story.steps.append(Step("lab", actual=str(error)))
    finally:
        for lab in labs:
            lab.stop()
