"""Connect's own client, by all of its transports, against a fresh server: every one gets the same.

    python tests/peers/connect.py target/debug/watchbell CONTRACTS MODULES

CONTRACTS is the image of the contracts (`buf build`), MODULES the directory of Node packages.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

from server import free_port, serving

EXPECTED = {
    "types": True,
    "event": "peer-1",
    "duplicate": True,
    "refused": ["InvalidArgument", "event.type"],
}


def main(binary: str, contracts: str, modules: str) -> None:
    port = free_port()
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "connect.mjs")
    with serving(binary, port) as client, tempfile.TemporaryDirectory() as directory:
        # Node looks for packages beside the script.
        shutil.copy(script, directory)
        os.symlink(os.path.abspath(modules), os.path.join(directory, "node_modules"))
        command = ["node", os.path.join(directory, "connect.mjs"), contracts, f"http://127.0.0.1:{port}", client.key]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if run.returncode:
            sys.exit(run.stderr)
        report = json.loads(run.stdout)
    assert len(report) == 8, report
    for transport, got in report.items():
        assert got == EXPECTED, f"{transport}: {got}"
    print(json.dumps({"transports": list(report)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
