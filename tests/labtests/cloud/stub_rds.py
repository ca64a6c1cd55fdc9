"""Stands in for the RDS emulator where a test needs none of it: says that it is ready, ends with its standard input."""

import argparse
import json
import sys
from pathlib import Path

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--root", type=Path)
    arguments, _ = parser.parse_known_args()
    bundle = arguments.root / "ca.pem"
    bundle.write_text("")
    print(json.dumps({"ready": True, "port": arguments.port, "ca_bundle": str(bundle)}), flush=True)
    sys.stdin.read()
