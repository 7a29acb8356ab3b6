"""A server ends with its terminal; without one SIGHUP only reloads.

    python tests/peers/terminal.py target/debug/watchbell
"""

import json
import os
import pathlib
import pty
import signal
import subprocess
import sys
import tempfile

from server import DEADLINE_SECONDS, free_port, wait_for


def serve(binary: str, directory: str, terminal: int | None) -> subprocess.Popen:
    data = pathlib.Path(directory, "data" if terminal is None else "data-of-terminal")
    server = subprocess.Popen(
        [binary, "serve", "--data-dir", str(data), "--listen", f"127.0.0.1:{free_port()}"],
        stdin=subprocess.DEVNULL if terminal is None else terminal,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(data / "admin.key", server)
    return server


def main(binary: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        master, terminal = pty.openpty()
        attached, detached = serve(binary, directory, terminal), serve(binary, directory, None)
        try:
            os.close(master)
            os.close(terminal)
            # What a shell does to its jobs when its terminal closes.
            for server in (attached, detached):
                server.send_signal(signal.SIGHUP)
            assert attached.wait(timeout=DEADLINE_SECONDS) == 0
            assert detached.poll() is None
        finally:
            for server in (attached, detached):
                server.terminate()
                server.wait(timeout=DEADLINE_SECONDS)
    print(json.dumps({"ended": 1, "went_on": 1}))


if __name__ == "__main__":
    main(*sys.argv[1:])
