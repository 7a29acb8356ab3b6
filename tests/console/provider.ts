// An OpenID provider, played: it signs in whoever comes, checks the proof of the code (RFC 7636), and renews.

import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { type Server as HttpServer, createServer } from "node:http";
import type { AddressInfo } from "node:net";

const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const base64 = (text: string | Buffer) => Buffer.from(text).toString("base64url");

export class Provider {
  readonly clientId = "watchbell-console";
  readonly audience = "https://bell.example.com";
  /** Of whoever comes next. */
  claims: Record<string, unknown> = {};
  /** How long tokens last, in seconds. */
  lasts = 600;
  /** What has been asked of it. */
  readonly asked: string[] = [];
  private readonly codes = new Map<string, { challenge: string; nonce: string; back: string }>();
  private readonly server: HttpServer;

  constructor() {
    this.server = createServer((request, response) => {
      let body = "";
      request.on("data", (part) => {
        body += String(part);
      });
      request.on("end", () => {
        const { status, headers, answer } = this.answer(new URL(request.url ?? "/", this.url), new URLSearchParams(body));
        response.writeHead(status, { "access-control-allow-origin": "*", "content-type": "application/json", ...headers });
        response.end(answer === undefined ? "" : JSON.stringify(answer));
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
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async end(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => {
      this.server.close(resolve);
    });
  }

  private token(claims: Record<string, unknown>): string {
    const now = Math.floor(Date.now() / 1_000);
    const head = base64(JSON.stringify({ alg: "EdDSA", kid: "one" }));
    const body = base64(JSON.stringify({ iss: this.url, iat: now, exp: now + this.lasts, ...claims }));
    return `${head}.${body}.${base64(sign(null, Buffer.from(`${head}.${body}`), privateKey))}`;
  }

  private answer(url: URL, form: URLSearchParams): { status: number; headers?: Record<string, string>; answer?: unknown } {
    this.asked.push(`${url.pathname} ${form.get("grant_type") ?? ""}`.trim());
    const words = url.searchParams;
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        return {
          status: 200,
          answer: {
            issuer: this.url,
            authorization_endpoint: `${this.url}/authorize`,
            token_endpoint: `${this.url}/token`,
            jwks_uri: `${this.url}/keys`,
            id_token_signing_alg_values_supported: ["EdDSA"],
          },
        };
      case "/keys":
        return { status: 200, answer: { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "one", alg: "EdDSA", use: "sig" }] } };
      case "/authorize": {
        const back = new URL(words.get("redirect_uri") ?? "");
        back.searchParams.set("state", words.get("state") ?? "");
        if (words.get("client_id") !== this.clientId || words.get("code_challenge_method") !== "S256") {
          back.searchParams.set("error", "invalid_request");
        } else {
          const code = randomBytes(16).toString("hex");
          this.codes.set(code, { challenge: words.get("code_challenge") ?? "", nonce: words.get("nonce") ?? "", back: words.get("redirect_uri") ?? "" });
          back.searchParams.set("code", code);
        }
        return { status: 302, headers: { location: back.href } };
      }
      case "/token":
        return this.exchange(form);
      default:
        return { status: 404 };
    }
  }

  private exchange(form: URLSearchParams): { status: number; answer: unknown } {
    const refused = { status: 400, answer: { error: "invalid_grant" } };
    const access = () => this.token({ aud: this.audience, ...this.claims });
    if (form.get("grant_type") === "refresh_token") {
      return form.get("refresh_token") === "again" ? { status: 200, answer: { access_token: access(), token_type: "Bearer", expires_in: this.lasts } } : refused;
    }
    const known = this.codes.get(form.get("code") ?? "");
    this.codes.delete(form.get("code") ?? "");
    const proof = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
    if (!known || known.challenge !== proof || known.back !== form.get("redirect_uri")) return refused;
    const id = this.token({ aud: this.clientId, sub: this.claims["sub"] ?? "nobody", nonce: known.nonce });
    return { status: 200, answer: { access_token: access(), id_token: id, refresh_token: "again", token_type: "Bearer", expires_in: this.lasts } };
  }
}
