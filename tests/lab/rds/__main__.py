"""`python -m tests.lab.rds`: the lab's RDS as a process of its own.

Prints one JSON line {"ready": true, "port": ..., "ca_bundle": ...} when ready. Ends on SIGTERM, SIGINT or the
end of standard input, and stops every PostgreSQL that it started.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import sys
import threading
from pathlib import Path

from tests.lab.postgres import Tools, make_tls
from tests.lab.rds.calls import Calls
from tests.lab.rds.cloud import Cloud
from tests.lab.rds.events import Events
from tests.lab.rds.faults import Faults
from tests.lab.rds.flights import Copies
from tests.lab.rds.jobs import Jobs
from tests.lab.rds.lab import Lab
from tests.lab.rds.server import LabServer
from tests.lab.rds.servers import Servers
from tests.lab.rds.state import Region, Store

VAULT_ACCOUNT = "222233334444"
"""The account that copies go to, so that whoever takes over the first one cannot delete them."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.rds", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1; 0 chooses one")
    parser.add_argument("--root", type=Path, required=True, help="folder for databases and snapshots")
    parser.add_argument("--aws-endpoint", required=True, help="base URL of the emulated cloud")
    parser.add_argument("--account", required=True, help="12-digit account")
    parser.add_argument("--other-accounts", default=VAULT_ACCOUNT, help="comma-separated further accounts")
    parser.add_argument("--regions", required=True, help="comma-separated regions")
    parser.add_argument("--calls", type=Path, required=True, help="file that gets one JSON line per call")
    parser.add_argument("--pace", type=float, default=0.25, help="seconds that a status lasts at least")
    return parser.parse_args()


def main() -> int:
    """Run until told to end."""
    given = _arguments()
    ending = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ending.set())
    root: Path = given.root.resolve()
    root.mkdir(parents=True, exist_ok=True, mode=0o755)
    tools = Tools(root)
    tls = make_tls(tools, root / "tls")
    names = given.regions.split(",")
    others = [account for account in given.other_accounts.split(",") if account not in ("", given.account)]
    cloud = Cloud(given.aws_endpoint, given.account, others)
    lab = Lab(
        store=Store(
            given.account,
            {name: Region(name, given.account) for name in names},
            {account: {name: Region(name, account) for name in names} for account in others},
        ),
        servers=Servers(root, tools, tls),
        jobs=Jobs(given.pace),
        events=Events(cloud),
        cloud=cloud,
        faults=Faults(),
        calls=Calls(given.calls),
        copies=Copies(),
    )
    server = LabServer(given.port, lab)
    threading.Thread(target=server.serve_forever, args=(0.05,), name="http", daemon=True).start()
    threading.Thread(target=tools.template, name="template", daemon=True).start()
    threading.Thread(target=cloud.warm, args=(names,), name="warm", daemon=True).start()
    ready = {"ready": True, "port": server.server_address[1], "ca_bundle": str(tls.ca_bundle)}
    print(json.dumps(ready), flush=True)
    _wait(ending)
    server.shutdown()
    lab.jobs.stopping.set()
    lab.servers.close()
    lab.jobs.stop()
    lab.events.stop()
    lab.calls.close()
    return 0


def _wait(ending: threading.Event) -> None:
    """Until a signal, or until whoever holds the other end of standard input is gone."""
    while not ending.is_set():
        readable, _, _ = select.select([sys.stdin], [], [], 0.1)
        if readable and not os.read(sys.stdin.fileno(), 4096):
            return


if __name__ == "__main__":
    sys.exit(main())
