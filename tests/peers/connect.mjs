// Connect's own client against a fresh server: JSON and protobuf over HTTP, gRPC and gRPC-Web, packed and not. Prints what each
// transport got, as one line of JSON; tests/peers/connect.py starts the server and judges.
//
//     node connect.mjs CONTRACTS URL KEY

import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { ConnectError, Code, createClient } from "@connectrpc/connect";
import {
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";

const [contracts, baseUrl, key] = process.argv.slice(2);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(contracts)));
const service = (name) => registry.getService(`watchbell.${name}`);
const BadRequest = registry.getMessage("google.rpc.BadRequest");

const interceptors = [
  (next) => (request) => {
    request.header.set("authorization", `Bearer ${key}`);
    return next(request);
  },
];
const packed = { sendCompression: compressionGzip, acceptCompression: [compressionGzip], compressMinBytes: 1 };
const plain = { acceptCompression: [] };
const transports = {};
for (const [how, compression] of Object.entries({ plain, packed })) {
  const options = { baseUrl, interceptors, ...compression };
  transports[`json, ${how}`] = createConnectTransport({ ...options, httpVersion: "1.1", useBinaryFormat: false });
  transports[`protobuf, ${how}`] = createConnectTransport({ ...options, httpVersion: "2" });
  transports[`grpc, ${how}`] = createGrpcTransport(options);
  transports[`grpc-web, ${how}`] = createGrpcWebTransport({ ...options, httpVersion: "1.1" });
}

const report = {};
for (const [name, transport] of Object.entries(transports)) {
  const teams = createClient(service("config.v1.TeamService"), transport);
  const { team } = await teams.createTeam({ team: { displayName: name } });
  const catalog = createClient(service("config.v1.CatalogService"), transport);
  const { eventTypes } = await catalog.listEventTypes({ teamId: team.id });
  const router = createClient(service("router.v1.RouterService"), transport);
  const data = { case: "data", value: { scan_id: "4711", target: "api" } };
  const event = { id: "peer-1", type: "scan.completed", payload: data };
  const sent = await router.emit({ teamId: team.id, event }, { timeoutMs: 10_000 });
  const again = await router.emit({ teamId: team.id, event });
  let refused;
  try {
    await router.emit({ teamId: team.id, event: { type: "finding.imagined" } });
  } catch (error) {
    const connect = ConnectError.from(error);
    const fields = connect.findDetails(BadRequest).flatMap((detail) => detail.fieldViolations.map(({ field }) => field));
    refused = [Code[connect.code], ...fields];
  }
  report[name] = { types: eventTypes.length > 20, event: sent.eventId, duplicate: again.duplicate, refused };
}
console.log(JSON.stringify(report));
