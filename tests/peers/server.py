"""A fresh `watchbell serve`, and a public gRPC client that knows the contracts by reflection alone."""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

DEADLINE_SECONDS = 30

CONFIG = "watchbell.config.v1"
ROUTER = "watchbell.router.v1.RouterService"
DISPATCHER = "watchbell.dispatcher.v1.DispatcherService"


class Client:
    """Calls any RPC by its name, with messages as dictionaries."""

    def __init__(self, address: str, key: str):
        self.channel = grpc.insecure_channel(address)
        grpc.channel_ready_future(self.channel).result(timeout=DEADLINE_SECONDS)
        self.pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))
        self.key = key
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


@contextlib.contextmanager
def serving(binary: str, port: int, settings: dict[str, str] | None = None) -> Iterator[Client]:
    """Everything in one process on a store of its own, and a caller with the key of its first start. The settings are
    environment variables without their prefix: `BRAND__NAME`."""
    with tempfile.TemporaryDirectory() as directory:
        data, address = pathlib.Path(directory) / "data", f"127.0.0.1:{port}"
        server = subprocess.Popen(
            [binary, "serve", "--data-dir", str(data), "--listen", address, "--egress-allow", "127.0.0.0/8"],
            stdout=subprocess.DEVNULL,
            env={**os.environ, "RUST_LOG": "warn", **{f"WATCHBELL__{name}": value for name, value in (settings or {}).items()}},
        )
        try:
            yield Client(address, wait_for(data / "admin.key", server))
        finally:
            server.terminate()
            server.wait(timeout=DEADLINE_SECONDS)


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
