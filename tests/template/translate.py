"""Turns a SAM template (JSON on standard input) into the CloudFormation that AWS would make of it (standard output).

Run by an interpreter that has `aws-sam-translator`, which is not the one the tests run in; see `stacks.translate`.
"""

from __future__ import annotations

import json
import sys

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator


def main() -> None:
    """Read a list of `{"template", "parameters", "region"}`, write the list of the translated templates."""
    translated = []
    for asked in json.load(sys.stdin):
        session = boto3.Session(region_name=asked["region"])
        translator = Translator({}, Parser(), None, session)
        translated.append(translator.translate(asked["template"], asked["parameters"]))
    json.dump(translated, sys.stdout)


if __name__ == "__main__":
    main()
