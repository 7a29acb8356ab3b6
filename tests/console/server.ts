// The built binary with a store of its own, and receivers for what it sends.

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type Server as HttpServer, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { CatalogService } from "../../services/console/web/src/api/gen/watchbell/config/v1/catalog_service_pb";
import { ChannelService } from "../../services/console/web/src/api/gen/watchbell/config/v1/channel_service_pb";
import { PreferenceService } from "../../services/console/web/src/api/gen/watchbell/config/v1/preference_service_pb";
import { RoutingService } from "../../services/console/web/src/api/gen/watchbell/config/v1/routing_service_pb";
import { SilenceService } from "../../services/console/web/src/api/gen/watchbell/config/v1/silence_service_pb";
import { TeamService } from "../../services/console/web/src/api/gen/watchbell/config/v1/team_service_pb";
import { AlertService } from "../../services/console/web/src/api/gen/watchbell/dispatcher/v1/alert_service_pb";
import { DispatcherService } from "../../services/console/web/src/api/gen/watchbell/dispatcher/v1/dispatcher_service_pb";
import { InboxService } from "../../services/console/web/src/api/gen/watchbell/dispatcher/v1/inbox_service_pb";
import { RouterService } from "../../services/console/web/src/api/gen/watchbell/router/v1/router_service_pb";

const BINARY = process.env.WATCHBELL_BINARY ?? "../../target/debug/watchbell";

export class Watchbell {
  readonly key = `wbk_${randomBytes(33).toString("base64url")}`;
  private readonly dir = mkdtempSync(join(tmpdir(), "watchbell-console-"));
  private process: ChildProcess | null = null;
  private address: string;
  url = "";
  private readonly web: readonly string[];
  private readonly embed: readonly string[];
  private readonly more: string;
  private readonly env: Readonly<Record<string, string>>;

  /**
   * `web`: origins whose pages may call it. `embed`: those that may show the console in a frame. `more`: further settings.
   * `port`: where it listens, any that is free when 0. `env`: further variables of its environment.
   */
  constructor(web: readonly string[] = [], embed: readonly string[] = [], more = "", port = 0, env: Readonly<Record<string, string>> = {}) {
    this.web = web;
    this.embed = embed;
    this.more = more;
    this.address = `127.0.0.1:${port}`;
    this.env = env;
  }

  /** Starts it; again on the same port and store after `stop`. */
  async start(): Promise<this> {
    const file = join(this.dir, "settings.toml");
    writeFileSync(
      file,
      `[server]\nadmin_address = "127.0.0.1:0"\nshutdown_grace = "1s"\nweb_origins = ${JSON.stringify(this.web)}\n\n[keys]\nadmin = "${this.key}"\n\n` +
        `[egress]\nallow = ["127.0.0.0/8"]\n\n[limits]\nburst = 1000000\n\n[console]\nembed_origins = ${JSON.stringify(this.embed)}\n\n[telemetry]\nfilter = "off"\n\n${this.more}\n`,
    );
    const args = ["serve", "--config", file, "--data-dir", this.dir, "--listen", this.address];
    const child = spawn(BINARY, args, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...this.env } });
    this.process = child;
    this.url = await new Promise<string>((resolve, reject) => {
      child.once("exit", (code) => reject(new Error(`watchbell ended with ${code}`)));
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
        const said = /^watchbell serves .* at (http:\/\/(.*))$/.exec(line);
        if (!said?.[1] || !said[2]) return;
        this.address = said[2];
        resolve(said[1]);
      });
    });
    return this;
  }

  async stop(): Promise<void> {
    const child = this.process;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
    this.process = null;
  }

  async end(): Promise<void> {
    await this.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** The services, called with a key; the admin's when none is given. */
  api(key = this.key) {
    const transport = createGrpcWebTransport({
      baseUrl: this.url,
      interceptors: [
        (next) => (request) => {
          request.header.set("authorization", `Bearer ${key}`);
          return next(request);
        },
      ],
    });
    return {
      teams: createClient(TeamService, transport),
      channels: createClient(ChannelService, transport),
      preferences: createClient(PreferenceService, transport),
      routing: createClient(RoutingService, transport),
      catalog: createClient(CatalogService, transport),
      silences: createClient(SilenceService, transport),
      alerts: createClient(AlertService, transport),
      dispatcher: createClient(DispatcherService, transport),
      inbox: createClient(InboxService, transport),
      router: createClient(RouterService, transport),
    };
  }

  async team(displayName: string): Promise<string> {
    const { team } = await this.api().teams.createTeam({ team: { displayName } });
    return team?.id ?? "";
  }

  async member(teamId: string, email: string, role = 3): Promise<string> {
    const { member } = await this.api().teams.createMember({ teamId, member: { email, role } });
    return member?.id ?? "";
  }

  /** A webhook channel of everything, which gives up after one retry. */
  async webhook(teamId: string, displayName: string, url: string, more: Record<string, unknown> = {}): Promise<string> {
    const { channel } = await this.api().channels.createChannel({
      teamId,
      channel: {
        displayName,
        destination: { case: "webhook", value: { url, filter: { types: ["*"] } } },
        delivery: { retryDelays: [{ seconds: 1n }] },
        ...more,
      },
    });
    return channel?.id ?? "";
  }

  async emit(teamId: string, title: string, more: Record<string, unknown> = {}): Promise<string> {
    // A finding of its own: another event of one that is known is a repeat, which nobody is told of.
    const data = { finding_id: randomUUID(), title, resource: "s3://audit-logs" };
    const answer = await this.api().router.emit({
      teamId,
      event: {
        type: "finding.created",
        title,
        source: "cspm",
        payload: { case: "dataJson", value: new TextEncoder().encode(JSON.stringify(data)) },
        ...more,
      },
    });
    return answer.eventId;
  }
}

/** Takes requests, and answers as it is told. */
export class Receiver {
  status = 200;
  body = "ok";
  readonly taken: { readonly headers: Record<string, unknown>; readonly body: string }[] = [];
  private readonly server: HttpServer;

  constructor() {
    this.server = createServer((request, response) => {
      let body = "";
      request.on("data", (part) => {
        body += String(part);
      });
      request.on("end", () => {
        this.taken.push({ headers: request.headers, body });
        response.writeHead(this.status, { "content-type": "text/plain" });
        response.end(this.body);
      });
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => {
      this.server.listen(0, "127.0.0.1", () => resolve());
    });
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook`;
  }

  async end(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => {
      this.server.close(resolve);
    });
  }
}
