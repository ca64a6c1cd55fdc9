"""``python -m backstay.cli``: for a checkout, where nothing is installed."""

from backstay.cli import main

main()
