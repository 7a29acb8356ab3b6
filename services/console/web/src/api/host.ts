// The console in a frame of the platform's own page. The page hands over its user's token, and another one before or when one
// ends; tokens are taken from the origins that the settings name, and from nobody else.

import { Throttle } from "../live/throttle";
import { current, renew, signIn, subscribe } from "./session";

/** How long before a token ends another is asked for. */
const AHEAD = 60_000;
/** A page that has no other token is not asked all the time. */
const INTERVAL = 5_000;
const TIMER_MOST = 2 ** 31 - 1;

const search = new URLSearchParams(window.location.search);
export const isFramed = window.parent !== window;
/** Without navigation and account: the page around it has its own. */
export const isBare = isFramed && search.get("embed") === "1";
/** The theme that the page around it asks for. */
export const hostTheme = isFramed ? search.get("theme") : null;

let hosted = false;

/** Whether the credential came from the page around. */
export const isHosted = () => hosted;

/** What a token says; null for what is no JWT. It is only compared: the server checks it. */
function claimsOf(token: string): Record<string, unknown> | null {
  const [, payload, signature] = token.split(".");
  if (payload === undefined || signature === undefined) return null;
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll("-", "+").replaceAll("_", "/")), (byte) => byte.codePointAt(0) ?? 0);
    return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
  } catch {
    return null;
  }
}

/** When a token ends; null when that is not known. */
export function endOf(token: string): number | null {
  const end = claimsOf(token)?.exp;
  return typeof end === "number" ? end * 1_000 : null;
}

/** What differs from one token of a member to the next. */
const CHANGING = new Set(["exp", "iat", "nbf", "jti", "auth_time"]);

/** Whether two tokens are of the same holder, so that what was read with one may be shown with the other. */
export function sameHolder(a: string, b: string): boolean {
  const lasting = (token: string) => {
    const claims = claimsOf(token);
    return claims && JSON.stringify(Object.entries(claims).filter(([name]) => !CHANGING.has(name)).toSorted());
  };
  const [one, other] = [lasting(a), lasting(b)];
  return one !== null && one === other;
}

function take(token: string): void {
  const { key } = current();
  hosted = true;
  if (key === token) return;
  if (key !== null && sameHolder(key, token)) renew(token);
  else signIn(token, false);
}

/** Asks the page around for a token, and takes what it gives. */
export function beginHosted(origins: readonly string[]): void {
  if (!isFramed || origins.length === 0) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ask = (renewed: boolean) => window.parent.postMessage({ type: "watchbell.token-needed", renew: renewed }, "*");
  const again = new Throttle(async () => ask(true), INTERVAL);
  window.addEventListener("message", ({ source, origin, data }: MessageEvent<{ type?: unknown; token?: unknown } | null>) => {
    if (source !== window.parent || !origins.includes(origin)) return;
    if (data?.type !== "watchbell.token" || typeof data.token !== "string" || data.token === "") return;
    take(data.token);
    clearTimeout(timer);
    const end = endOf(data.token);
    if (end !== null) timer = setTimeout(() => again.ask(), Math.min(TIMER_MOST, Math.max(0, end - Date.now() - AHEAD)));
  });
  subscribe(() => {
    if (hosted && current().refused) again.ask();
  });
  ask(false);
}
