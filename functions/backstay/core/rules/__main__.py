"""``python -m backstay.core.rules > docs/rules.md``: the catalogue of rules, for people."""

import sys

from backstay.core.rules.catalogue import catalogue

sys.stdout.write(catalogue())
