// Verification of webhook requests, by Standard Webhooks.

import { createHmac, timingSafeEqual } from "node:crypto";

/** The request is not from Watchbell, or too old. Answer 401. */
export class InvalidSignature extends Error {
  override readonly name = "InvalidSignature";
}

/** Body of a webhook request with the standard envelope. */
export interface WebhookBody {
  type: string;
  timestamp: string;
  event: {
    /** The idempotency key: the same in every attempt. */
    id: string;
    type: string;
    severity: string;
    category: string;
    source: string;
    occurred_at: string;
    title: string;
    url: string;
    subject: string;
  };
  data: Record<string, unknown>;
  test: boolean;
  /** The alert that the event belongs to, as it was when the event was accepted; left out when it belongs to none. */
  alert?: {
    /** The same in all events of the alert. */
    key: string;
    state: string;
    opened_event_id?: string;
    open_time?: string;
    count: number;
  };
}

type Headers = Record<string, string | string[] | undefined>;

/**
 * The body of a request that was signed with the channel's secret at most `tolerance` seconds ago. Give the bytes as they came: a
 * body that was parsed and printed again has other signatures.
 *
 * @throws InvalidSignature
 */
export function verify(secret: string, headers: Headers, body: Uint8Array, tolerance = 300): WebhookBody {
  const header = (name: string) => {
    const value = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
    if (typeof value !== "string") throw new InvalidSignature(`the header ${name} is missing`);
    return value;
  };
  const timestamp = header("webhook-timestamp");
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= tolerance)) {
    throw new InvalidSignature("the request was signed too long ago, or in the future");
  }
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret);
  const hmac = createHmac("sha256", key).update(`${header("webhook-id")}.${timestamp}.`).update(body);
  const expected = Buffer.from(`v1,${hmac.digest("base64")}`);
  const signatures = header("webhook-signature").split(" ").map((one) => Buffer.from(one));
  if (!signatures.some((one) => one.length === expected.length && timingSafeEqual(one, expected))) {
    throw new InvalidSignature("no signature is right");
  }
  return JSON.parse(Buffer.from(body).toString("utf8")) as WebhookBody;
}
