"""``python -m backstay.config > docs/policy.schema.json``: the policy's JSON Schema."""

import json
import sys

from backstay.config import policy_schema

json.dump(policy_schema(), sys.stdout, indent=2)
sys.stdout.write("\n")
