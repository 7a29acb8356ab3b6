// Against a real server: `WATCHBELL_BINARY=target/debug/watchbell npm test`.

import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, test } from "node:test";
import { InvalidSignature, verify, Watchbell, WatchbellError } from "../dist/index.js";
import { delay, retrying } from "../dist/transport.js";

const BINARY = process.env["WATCHBELL_BINARY"] ?? "";

/** A server on a store of its own, which can be away for a while. */
class Server {
  url = "127.0.0.1:0";
  private child?: ChildProcess;

  constructor(readonly directory: string) {}

  async start(): Promise<this> {
    const address = this.url.replace("http://", "");
    const command = ["serve", "--data-dir", this.directory, "--listen", address, "--egress-allow", "127.0.0.0/8"];
    this.child = spawn(BINARY, command, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, RUST_LOG: "error" } });
    const [line] = (await once(createInterface(this.child.stdout!), "line")) as [string];
    this.url = line.split(" at ").at(-1)!.trim();
    return this;
  }

  get key(): string {
    return readFileSync(join(this.directory, "admin.key"), "utf8").trim();
  }

  async stop(): Promise<void> {
    this.child!.kill();
    await once(this.child!, "exit");
  }
}

let server: Server;
let team: string;
let bell: Watchbell;

async function accepted(): Promise<Set<string>> {
  const found = new Set<string>();
  for (let token = ""; ; ) {
    const page = await bell.services.dispatcher.listEvents({ team_id: team, page_size: 1000, page_token: token });
    for (const listed of page.events ?? []) found.add(listed.event!.id!);
    token = page.next_page_token ?? "";
    if (token === "") return found;
  }
}

describe("a server", () => {
  beforeEach(async () => {
    server = await new Server(mkdtempSync(join(tmpdir(), "watchbell-client-"))).start();
    const admin = new Watchbell({ url: server.url, key: server.key });
    const made = await admin.services.team.createTeam({ team: { display_name: "Client" } });
    team = made.team!.id!;
    bell = new Watchbell({ url: server.url, key: server.key, team });
  });
  afterEach(async () => {
    await server.stop();
    rmSync(server.directory, { recursive: true });
  });

  test("events are streamed each once, after a cursor and over a restart", async () => {
    const ids = [];
    for (const finding_id of ["1", "2", "3"]) ids.push(await bell.emit("finding.created", { finding_id }));
    const next = async (stream: ReturnType<Watchbell["streamEvents"]>) => (await stream.next()).value!;
    const stream = bell.streamEvents({ fromBeginning: true, types: ["finding.*"] });
    const first = [await next(stream), await next(stream)];
    assert.deepEqual(first.map(({ accepted }) => accepted.event!.id), ids.slice(0, 2));
    await stream.return();
    const rest = bell.streamEvents({ cursor: first[1]!.cursor, types: ["finding.*"] });
    assert.equal((await next(rest)).accepted.event!.id, ids[2]);
    await server.stop();
    await server.start();
    const later = await bell.emit("finding.created", { finding_id: "later" });
    assert.equal((await next(rest)).accepted.event!.id, later);
    await rest.return();
    await assert.rejects(bell.streamEvents({ cursor: "no-cursor" }).next(), { code: "invalid_argument" });
  });

  test("an event reaches a webhook whose signature verifies", async () => {
    const receiver = createServer();
    receiver.listen(0, "127.0.0.1");
    await once(receiver, "listening");
    const { port } = receiver.address() as { port: number };
    const made = await bell.services.channel.createChannel({
      team_id: team,
      channel: { display_name: "siem", webhook: { url: `http://127.0.0.1:${port}`, filter: { types: ["*"] } } },
    });
    const secret = made.signing_secret!;
    const arriving = once(receiver, "request");
    const data = { finding_id: "fnd-1", score: 9.1 };
    const id = await bell.emit("finding.created", data, { severity: "CRITICAL", title: "Public bucket", occurredAt: new Date() });
    const [request, response] = await arriving;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    response.end();
    receiver.close();
    const body = Buffer.concat(chunks);
    const verified = verify(secret, request.headers, body);
    assert.deepEqual([verified.event.id, verified.event.title, verified.data], [id, "Public bucket", data]);
    for (const [key, headers, bytes, tolerance] of [
      [secret, request.headers, Buffer.concat([body, Buffer.from(" ")]), 300],
      [`whsec_${"A".repeat(44)}`, request.headers, body, 300],
      [secret, {}, body, 300],
      [secret, request.headers, body, -1],
    ] as const) {
      assert.throws(() => verify(key, headers, bytes, tolerance), InvalidSignature);
    }
  });

  test("errors name the fields and the reason", async () => {
    await assert.rejects(bell.emitCustom("finding.imagined", {}), (error: WatchbellError) => {
      assert.equal(error.code, "invalid_argument");
      assert.deepEqual(error.violations.map(({ field }) => field), ["event.type"]);
      return !error.isTransient;
    });
    const nobody = new Watchbell({ url: server.url, key: "wbk_nobody" });
    await assert.rejects(nobody.services.team.listTeams({}), { code: "unauthenticated" });
  });

  test("an emitter loses nothing in an outage", async () => {
    const refused: string[] = [];
    const emitter = bell.emitter({ linger: 10, onRefused: (event) => refused.push(event.type!) });
    const ids = new Set<string>();
    for (let number = 0; number < 300; number++) ids.add(await emitter.emit("finding.created", { finding_id: `fnd-${number}` }));
    await emitter.emitCustom("finding.imagined", {});
    await emitter.flush();
    await server.stop();
    for (let number = 300; number < 900; number++) ids.add(await emitter.emit("finding.created", { finding_id: `fnd-${number}` }));
    await server.start();
    await emitter.close();
    assert.deepEqual(await accepted(), ids);
    assert.deepEqual(refused, ["finding.imagined"]);
    await assert.rejects(emitter.emit("finding.created", { finding_id: "late" }), /closed/);
  });

  test("the end of a program waits for what was emitted", async () => {
    const script = `
      import { Watchbell } from "${new URL("../dist/index.js", import.meta.url)}";
      const bell = new Watchbell({ url: "${server.url}", key: "${server.key}", team: "${team}" });
      const emitter = bell.emitter();
      for (let n = 0; n < 700; n++) emitter.emit("finding.created", { finding_id: String(n) }, { id: "exit-" + n });`;
    execFileSync(process.execPath, ["--input-type=module", "-e", script], { timeout: 60_000 });
    assert.equal((await accepted()).size, 700);
  });

  test("what is left when time is up is handed back", async () => {
    await server.stop();
    const left: string[] = [];
    const emitter = bell.emitter({ linger: 1, onRefused: (event) => left.push(event.id!) });
    const id = await emitter.emit("finding.created", { finding_id: "fnd-1" });
    await emitter.close(200);
    assert.deepEqual(left, [id]);
    await server.start();
  });
});

test("only what is safe is repeated", async () => {
  const calls = async (error: WatchbellError, repeatable: boolean) => {
    let made = 0;
    const failing = async () => {
      made++;
      throw error;
    };
    await assert.rejects(retrying(failing, 3, repeatable, async () => undefined));
    return made;
  };
  const limited = [{ type: "google.rpc.RetryInfo", value: { retry_delay: "1s" } }];
  for (const [error, made] of [
    [new WatchbellError("unavailable", ""), [3, 1]],
    [new WatchbellError("resource_exhausted", "", limited), [3, 3]],
    [new WatchbellError("resource_exhausted", ""), [1, 1]],
    [new WatchbellError("invalid_argument", ""), [1, 1]],
  ] as const) {
    assert.deepEqual([await calls(error, true), await calls(error, false)], made, error.code);
  }
});

test("no attempt comes earlier than asked", () => {
  for (let attempt = 1; attempt < 20; attempt++) {
    assert.ok(delay(attempt, 7) > 7_000);
    assert.ok(delay(attempt, undefined) > 0 && delay(attempt, undefined) <= 10_000);
  }
});

test("an event type is a type", () => {
  const typed = (client: Watchbell) => {
    // @ts-expect-error the data lacks `finding_id`
    void client.emit("finding.created", {});
    // @ts-expect-error there is no such type
    void client.emit("finding.imagined", {});
    // @ts-expect-error a score is a number
    void client.emit("finding.created", { finding_id: "a", score: "high" });
  };
  assert.equal(typeof typed, "function");
});

