"""The checks that docs/webhooks.md hands to receivers, taken from the page as they stand there, against real deliveries:
fresh, changed, old, and during a rotation. Fails with a word on what differed.

    python tests/peers/webhooks.py target/debug/watchbell
"""

import http.server
import importlib.util
import json
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading

from server import CONFIG, DEADLINE_SECONDS, ROUTER, Client, free_port, serving

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "webhooks.md"

# Reads {secret, headers, body, tolerance} line by line and says for each what the two checks say.
RUNNER = """
import { createInterface } from "node:readline";
import { verify, verifyPlain } from "./verify.mjs";
for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body, tolerance } = JSON.parse(line);
  const bytes = Buffer.from(body, "latin1");
  const said = [verify(secret, headers, bytes, tolerance), verifyPlain(secret, headers["x-watchbell-signature"], bytes)];
  console.log(JSON.stringify(said));
}
"""


class Receiver(http.server.BaseHTTPRequestHandler):
    arrived: "queue.Queue[tuple[dict, bytes]]" = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.arrived.put(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Checks:
    """The page's snippets in both languages, which must agree."""

    def __init__(self, directory: pathlib.Path):
        page = PAGE.read_text()
        for language, first in [("python", "# verify.py"), ("js", "// verify.mjs")]:
            found = re.findall(rf"```{language}\n({re.escape(first)}\n.*?)```", page, re.DOTALL)
            assert len(found) == 1, f"docs/webhooks.md has {len(found)} snippets {first}"
            (directory / first.split()[1]).write_text(found[0])
        spec = importlib.util.spec_from_file_location("verify", directory / "verify.py")
        self.python = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.python)
        (directory / "runner.mjs").write_text(RUNNER)
        node = shutil.which("node") or sys.exit("the snippets for Node need `node`")
        self.node = subprocess.Popen(
            [node, str(directory / "runner.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def say(self, secret: str, headers: dict, body: bytes, tolerance: int = 300) -> tuple[bool, bool]:
        """Of the standard signature, and of the plain one."""
        plain = self.python.verify_plain(secret, headers["x-watchbell-signature"], body)
        said = (self.python.verify(secret, headers, body, tolerance), plain)
        asked = {"secret": secret, "headers": headers, "body": body.decode("latin1"), "tolerance": tolerance}
        self.node.stdin.write(json.dumps(asked) + "\n")
        self.node.stdin.flush()
        other = tuple(json.loads(self.node.stdout.readline()))
        assert said == other, f"Python says {said}, Node says {other}"
        return said

    def close(self):
        self.node.stdin.close()
        assert self.node.wait(timeout=DEADLINE_SECONDS) == 0, "the snippet for Node failed"


def main(binary: str) -> None:
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as directory, serving(binary, free_port()) as client:
        checks = Checks(pathlib.Path(directory))
        url = f"http://127.0.0.1:{receiver.server_port}/hook"
        for number, secret in enumerate(["", "a-text-of-our-own"]):
            deliveries(client, checks, f"{url}/{number}", f"channel {number}", secret)
        checks.close()
    print(json.dumps({"verified_by": ["the page's Python", "the page's JavaScript"]}))


def deliveries(client: Client, checks: Checks, url: str, name: str, given: str) -> None:
    team = client.call(f"{CONFIG}.TeamService", "CreateTeam", {"team": {"display_name": name}})["team"]["id"]
    webhook = {"url": url, "filter": {"types": ["*"]}, "signing_secret": given}
    channel = {"display_name": name, "webhook": webhook}
    made = client.call(f"{CONFIG}.ChannelService", "CreateChannel", {"team_id": team, "channel": channel})
    secret = given or made["signing_secret"]

    def arrive(number: int) -> tuple[dict, bytes]:
        data = {"finding_id": f"fnd-{number}", "title": "Öffentlicher Bucket", "resource": "s3://audit-logs"}
        event = {"id": f"evt-{number}", "type": "finding.created", "severity": "SEVERITY_CRITICAL", "data": data}
        event |= {"title": "Public bucket", "url": "https://app.example.com/fnd", "subject": "s3://audit-logs"}
        client.call(ROUTER, "Emit", {"team_id": team, "event": event})
        headers, body = Receiver.arrived.get(timeout=DEADLINE_SECONDS)
        told = json.loads(body)["event"]
        assert {name: told[name] for name in ("title", "url", "subject")} == {
            name: event[name] for name in ("title", "url", "subject")
        }, told
        return headers, body

    headers, body = arrive(1)
    assert checks.say(secret, headers, body) == (True, True), "a good request is refused"
    assert checks.say(secret, headers, body + b" ") == (False, False), "a changed body is taken"
    assert checks.say("another-secret", headers, body) == (False, False), "any secret verifies"
    old = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)}
    assert checks.say(secret, old, body)[0] is False, "an old request is taken"
    assert checks.say(secret, old, body, 10**9)[0] is False, "the time is not signed"

    rotated = client.call(
        f"{CONFIG}.ChannelService", "RotateWebhookSecret", {"team_id": team, "channel_id": made["channel"]["id"]}
    )
    headers, body = arrive(2)
    assert checks.say(secret, headers, body) == (True, True), "the old secret does not verify during a rotation"
    assert checks.say(rotated["signing_secret"], headers, body)[0] is True, "the new secret does not verify"


if __name__ == "__main__":
    main(sys.argv[1])
