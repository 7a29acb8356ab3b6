"""Somebody else's tools against a fresh server: a public gRPC client that knows the contracts by reflection alone, and
two signature checks that Watchbell did not write. Fails with a word on what differed.

    python tests/peers/first_event.py target/debug/watchbell
"""

import hashlib
import hmac
import http.server
import json
import queue
import sys
import threading

import grpc
from standardwebhooks.webhooks import Webhook

from server import CONFIG, DEADLINE_SECONDS, ROUTER, Client, free_port, serving


# The check that the product documents hand to receivers, word for word.
def verify(secret: str, body: bytes, signature: str) -> bool:
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, signature)


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


def main(binary: str) -> None:
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with serving(binary, free_port()) as client:
        first_event(client, f"http://127.0.0.1:{receiver.server_port}/hook")


def first_event(client: Client, url: str) -> None:
    team = client.call(f"{CONFIG}.TeamService", "CreateTeam", {"team": {"display_name": "Peers"}})["team"]["id"]
    made = client.call(
        f"{CONFIG}.ChannelService",
        "CreateChannel",
        {"team_id": team, "channel": {"display_name": "siem", "webhook": {"url": url, "filter": {"types": ["finding.*"]}}}},
    )
    secret = made["signing_secret"]
    data = {"finding_id": "fnd-1", "title": "Public bucket", "resource": "s3://audit-logs"}
    event = {"id": "peer-1", "type": "finding.created", "severity": "SEVERITY_CRITICAL", "source": "cspm", "data": data}
    answer = client.call(ROUTER, "Emit", {"team_id": team, "event": event})
    assert answer["event_id"] == "peer-1", answer

    headers, body = Receiver.arrived.get(timeout=DEADLINE_SECONDS)
    assert verify(secret, body, headers["x-watchbell-signature"]), "the check of the product documents fails"
    payload = Webhook(secret).verify(body, headers)
    assert payload["event"]["id"] == "peer-1" and payload["type"] == "finding.created", payload
    assert payload["data"] == data and payload["test"] is False, payload
    assert not verify(secret, body + b" ", headers["x-watchbell-signature"]), "a changed body passes the check"

    again = client.call(ROUTER, "Emit", {"team_id": team, "event": event})
    assert again.get("duplicate") is True, again
    try:
        client.call(ROUTER, "Emit", {"team_id": team, "event": {"type": "finding.imagined"}})
        sys.exit("an unknown type was accepted")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
    print(json.dumps({"event": "peer-1", "verified_by": ["the product documents' check", "standardwebhooks"]}))


if __name__ == "__main__":
    main(sys.argv[1])
