// What Watchbell talks to, on loopback: a mail server, Slack's approval of an app, and a wall clock that a journey sets.

import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, ftruncateSync, writeSync } from "node:fs";
import { type Server as HttpServer, createServer as createHttp } from "node:http";
import { type AddressInfo, type Server, type Socket, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

async function listen(server: Server | HttpServer): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve());
  });
  return (server.address() as AddressInfo).port;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

export interface Mail {
  readonly to: readonly string[];
  /** By lower-case names, unfolded. */
  readonly headers: ReadonlyMap<string, string>;
  /** The `text/plain` part, decoded. */
  readonly text: string;
}

/** Takes every mail. */
export class MailServer {
  readonly taken: Mail[] = [];
  port = 0;
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((socket) => this.talk(socket));

  async start(): Promise<this> {
    this.port = await listen(this.server);
    return this;
  }

  private talk(socket: Socket): void {
    this.sockets.add(socket);
    socket.on("close", () => this.sockets.delete(socket));
    socket.on("error", () => {});
    let buffer = "";
    let to: string[] = [];
    let inData = false;
    const say = (line: string) => socket.write(`${line}\r\n`);
    const command = (line: string) => {
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === "RCPT") to.push(/<(.*?)>/.exec(line)?.[1] ?? "");
      if (verb === "MAIL" || verb === "RSET") to = [];
      if (verb === "DATA") {
        inData = true;
        say("354 go on");
      } else if (verb === "QUIT") {
        say("221 bye");
        socket.end();
      } else say("250 ok");
    };
    const read = () => {
      for (;;) {
        const end = inData ? buffer.indexOf("\r\n.\r\n") : buffer.indexOf("\r\n");
        if (end < 0) return;
        const part = buffer.slice(0, end);
        buffer = buffer.slice(end + (inData ? 5 : 2));
        if (inData) {
          this.taken.push(parsed(part.replaceAll("\r\n..", "\r\n."), to));
          inData = false;
          say("250 taken");
        } else command(part);
      }
    };
    socket.setEncoding("latin1");
    socket.on("data", (data) => {
      buffer += String(data);
      read();
    });
    say("220 stand-in");
  }

  async end(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => {
      this.server.close(resolve);
    });
  }
}

function headersOf(head: string): Map<string, string> {
  const lines = head.replaceAll(/\r\n[ \t]+/g, " ").split("\r\n");
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]));
}

function decoded(body: string, encoding: string): string {
  if (encoding === "base64") return Buffer.from(body, "base64").toString("utf8");
  if (encoding !== "quoted-printable") return Buffer.from(body, "latin1").toString("utf8");
  const bytes = body.replaceAll("=\r\n", "").replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** The first `text/plain` part, however deep. */
function textOf(entity: string): string | null {
  const split = entity.indexOf("\r\n\r\n");
  const headers = headersOf(entity.slice(0, split));
  const body = entity.slice(split + 4);
  const type = headers.get("content-type") ?? "text/plain";
  const boundary = /boundary="?([^";]+)"?/.exec(type)?.[1];
  if (boundary !== undefined) {
    const parts = body.split(`--${boundary}`).slice(1, -1);
    return parts.map((part) => textOf(part.replace(/^\r\n/, ""))).find((text) => text !== null) ?? null;
  }
  if (!type.startsWith("text/plain")) return null;
  return decoded(body, (headers.get("content-transfer-encoding") ?? "").toLowerCase()).replaceAll("\r\n", "\n");
}

function parsed(message: string, to: readonly string[]): Mail {
  return { to, headers: headersOf(message.slice(0, message.indexOf("\r\n\r\n"))), text: textOf(message) ?? "" };
}

/** Slack, where the app is approved at once. */
export class Slack {
  url = "";
  private readonly server = createHttp((request, response) => {
    const asked = new URL(request.url ?? "/", this.url);
    request.resume();
    if (asked.pathname === "/oauth/v2/authorize") {
      const back = new URL(asked.searchParams.get("redirect_uri") ?? "");
      back.searchParams.set("code", "code-1");
      back.searchParams.set("state", asked.searchParams.get("state") ?? "");
      response.writeHead(302, { location: back.href });
      response.end();
      return;
    }
    const answer = {
      ok: true,
      app_id: "A1",
      authed_user: { id: "U1" },
      scope: "incoming-webhook",
      token_type: "bot",
      access_token: "xoxb-stand-in",
      bot_user_id: "U2",
      team: { id: "T1", name: "Acme" },
      enterprise: null,
      is_enterprise_install: false,
      incoming_webhook: {
        channel: "#watchbell-alerts",
        channel_id: "C1",
        configuration_url: `${this.url}/services/B1`,
        url: `${this.url}/services/T1/B1/granted`,
      },
    };
    response.writeHead(200, { "content-type": asked.pathname.startsWith("/api/") ? "application/json" : "text/plain" });
    response.end(asked.pathname.startsWith("/api/") ? JSON.stringify(answer) : "ok");
  });

  async start(): Promise<this> {
    this.url = `http://127.0.0.1:${await listen(this.server)}`;
    return this;
  }

  async end(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => {
      this.server.close(resolve);
    });
  }
}

/** The wall clock of a server, set by the faults that the black-box suites put under it. */
export class WallClock {
  private readonly dir = mkdtempSync(join(tmpdir(), "watchbell-clock-"));
  private readonly file: number;
  readonly env: Readonly<Record<string, string>>;

  constructor() {
    const library = join(this.dir, "fault.so");
    execFileSync("cc", ["-O1", "-shared", "-fPIC", "-o", library, join(import.meta.dirname, "..", "harness", "fault.c")]);
    const control = join(this.dir, "control");
    this.file = openSync(control, "w+");
    ftruncateSync(this.file, 4_096);
    this.env = { LD_PRELOAD: library, WATCHBELL_FAULTS: control, WATCHBELL_FAULTS_DISK: join(this.dir, "no-disk") };
  }

  set(at: Date): void {
    const ahead = Buffer.alloc(8);
    ahead.writeBigInt64LE(BigInt(Math.round((at.getTime() - Date.now()) / 1_000)));
    writeSync(this.file, ahead, 0, 8, 0);
  }

  end(): void {
    closeSync(this.file);
    rmSync(this.dir, { recursive: true, force: true });
  }
}
