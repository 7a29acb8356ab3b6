"""Somebody else's tools against a fresh server: a public gRPC client that knows the contracts by reflection alone, and
two signature checks that Watchbell did not write. Fails with a word on what differed.

    python tests/peers/first_event.py target/debug/watchbell
"""

import hashlib
import hmac
import http.server
import json
import os
import pathlib
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from standardwebhooks.webhooks import Webhook

DEADLINE_SECONDS = 30


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


class Client:
    """Calls any RPC by its name, with messages as dictionaries."""

    def __init__(self, address: str, key: str):
        self.channel = grpc.insecure_channel(address)
        grpc.channel_ready_future(self.channel).result(timeout=DEADLINE_SECONDS)
        self.pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))
        self.metadata = [("authorization", f"Bearer {key}")]

    def call(self, service: str, method: str, request: dict) -> dict:
        described = self.pool.FindServiceByName(service).FindMethodByName(method)
        input_class = message_factory.GetMessageClass(described.input_type)
        output_class = message_factory.GetMessageClass(described.output_type)
        rpc = self.channel.unary_unary(
            f"/{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=output_class.FromString,
        )
        answer = rpc(json_format.ParseDict(request, input_class()), metadata=self.metadata, timeout=DEADLINE_SECONDS)
        return json_format.MessageToDict(answer, preserving_proto_field_name=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(path: pathlib.Path, server: subprocess.Popen) -> str:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if path.exists() and path.read_text().strip():
            return path.read_text().strip()
        if server.poll() is not None:
            sys.exit(f"the server ended by itself with {server.returncode}")
        time.sleep(0.05)
    sys.exit(f"{path.name} did not appear within {DEADLINE_SECONDS} s")


def main(binary: str) -> None:
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as directory:
        data, port = pathlib.Path(directory) / "data", free_port()
        server = subprocess.Popen(
            [binary, "serve", "--data-dir", str(data), "--listen", f"127.0.0.1:{port}", "--egress-allow", "127.0.0.0/8"],
            stdout=subprocess.DEVNULL,
            env={**os.environ, "RUST_LOG": "warn"},
        )
        try:
            client = Client(f"127.0.0.1:{port}", wait_for(data / "admin.key", server))
            first_event(client, f"http://127.0.0.1:{receiver.server_port}/hook")
        finally:
            server.terminate()
            server.wait(timeout=DEADLINE_SECONDS)


def first_event(client: Client, url: str) -> None:
    config, router = "watchbell.config.v1", "watchbell.router.v1.RouterService"
    team = client.call(f"{config}.TeamService", "CreateTeam", {"team": {"display_name": "Peers"}})["team"]["id"]
    made = client.call(
        f"{config}.ChannelService",
        "CreateChannel",
        {"team_id": team, "channel": {"display_name": "siem", "webhook": {"url": url, "filter": {"types": ["finding.*"]}}}},
    )
    secret = made["signing_secret"]
    data = {"finding_id": "fnd-1", "title": "Public bucket", "resource": "s3://audit-logs"}
    event = {"id": "peer-1", "type": "finding.created", "severity": "SEVERITY_CRITICAL", "source": "cspm", "data": data}
    answer = client.call(router, "Emit", {"team_id": team, "event": event})
    assert answer["event_id"] == "peer-1", answer

    headers, body = Receiver.arrived.get(timeout=DEADLINE_SECONDS)
    assert verify(secret, body, headers["x-watchbell-signature"]), "the check of the product documents fails"
    payload = Webhook(secret).verify(body, headers)
    assert payload["event"]["id"] == "peer-1" and payload["type"] == "finding.created", payload
    assert payload["data"] == data and payload["test"] is False, payload
    assert not verify(secret, body + b" ", headers["x-watchbell-signature"]), "a changed body passes the check"

    again = client.call(router, "Emit", {"team_id": team, "event": event})
    assert again.get("duplicate") is True, again
    try:
        client.call(router, "Emit", {"team_id": team, "event": {"type": "finding.imagined"}})
        sys.exit("an unknown type was accepted")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
    print(json.dumps({"event": "peer-1", "verified_by": ["the product documents' check", "standardwebhooks"]}))


if __name__ == "__main__":
    main(sys.argv[1])
