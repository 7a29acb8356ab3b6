"""Every command of the README's first event works as pasted: `cargo run` stands for the binary that is there.

    python tests/peers/readme.py target/debug/watchbell
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from server import wait_for

README = pathlib.Path(__file__).parents[2] / "README.md"
CARGO = '#!/bin/sh\n[ "$1" = run ] && shift\n[ "$1" = -q ] && shift\n[ "$1" = -- ] && shift\nexec "{binary}" "$@"\n'


def main(binary: str) -> None:
    chapter = README.read_text().split("## A first event")[1].split("\n## ")[0]
    serve, listen, *rest = re.findall(r"```sh\n(.*?)```", chapter, re.DOTALL)
    assert "serve" in serve and "listen" in listen and len(rest) == 2, "the chapter has other commands now"
    with tempfile.TemporaryDirectory() as directory:
        cargo = pathlib.Path(directory, "cargo")
        cargo.write_text(CARGO.format(binary=pathlib.Path(binary).resolve()))
        cargo.chmod(0o755)
        environment = {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}", "RUST_LOG": "error"}
        server = subprocess.Popen(["sh", "-c", f"exec {serve}"], cwd=directory, env=environment, stdout=subprocess.PIPE, text=True)
        receiver = subprocess.Popen(["sh", "-c", f"exec {listen}"], cwd=directory, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout and receiver.stdout
            server.stdout.readline()
            wait_for(pathlib.Path(directory, "watchbell-data/admin.key"), server)
            script = "set -eu\n" + "\necho; echo ---\n".join(rest)
            ran = subprocess.run(["bash", "-c", script], cwd=directory, env=environment, capture_output=True, text=True, timeout=120)
            assert ran.returncode == 0, ran.stdout + ran.stderr
            emitted, answered = ran.stdout.split("---")
            assert "accepted" in emitted and "webhook siem" in emitted, emitted
            answer = json.loads(answered)
            assert answer["event_id"] and answer["route_count"] == 2, answer
            arrived = receiver.stdout.readline()
            assert "finding.created" in arrived and "Public bucket" in arrived, arrived
        finally:
            for process in [receiver, server]:
                process.terminate()
                process.wait(timeout=60)
    print(json.dumps({"blocks": 2 + len(rest)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
