// OpenID Connect's code flow with PKCE (RFC 7636). Tokens live in memory; of the way to the provider and back only what proves
// that it was begun here is kept in the tab, until it ends.

import {
  type AuthorizationServer,
  type TokenEndpointResponse,
  None,
  allowInsecureRequests,
  authorizationCodeGrantRequest,
  calculatePKCECodeChallenge,
  discoveryRequest,
  generateRandomCodeVerifier,
  generateRandomNonce,
  generateRandomState,
  processAuthorizationCodeResponse,
  processDiscoveryResponse,
  processRefreshTokenResponse,
  refreshTokenGrantRequest,
  validateAuthResponse,
} from "oauth4webapi";
import * as en from "../messages/en";
import type { Oidc } from "./config";
import { endOf } from "./host";
import { current, renew, signIn, subscribe } from "./session";

const PENDING = "watchbell.oidc";
/** How long before a token ends another is asked for. */
const AHEAD = 60_000;
const TIMER_MOST = 2 ** 31 - 1;

interface Pending {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  /** Where it was begun. */
  readonly from: string;
}

/** The settings allow a provider without TLS on this machine only. */
const insecure = ({ issuer }: Oidc) => ({ [allowInsecureRequests]: new URL(issuer).protocol === "http:" });

async function discover(settings: Oidc): Promise<AuthorizationServer> {
  const issuer = new URL(settings.issuer);
  return processDiscoveryResponse(issuer, await discoveryRequest(issuer, { algorithm: "oidc", ...insecure(settings) }));
}

export async function leave(settings: Oidc, back: string): Promise<void> {
  const provider = await discover(settings);
  const address = new URL(provider.authorization_endpoint ?? "");
  const { pathname, search } = window.location;
  const pending: Pending = {
    state: generateRandomState(),
    nonce: generateRandomNonce(),
    verifier: generateRandomCodeVerifier(),
    from: pathname + search,
  };
  const words = {
    response_type: "code",
    client_id: settings.client_id,
    redirect_uri: back,
    scope: settings.scope,
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: await calculatePKCECodeChallenge(pending.verifier),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(words)) address.searchParams.set(name, value);
  if (!/^https?:$/.test(address.protocol)) throw new Error(address.protocol);
  window.sessionStorage.setItem(PENDING, JSON.stringify(pending));
  window.location.assign(address);
}

function takePending(): Pending | null {
  const kept = window.sessionStorage.getItem(PENDING);
  window.sessionStorage.removeItem(PENDING);
  return kept === null ? null : (JSON.parse(kept) as Pending);
}

export async function comeBack(settings: Oidc, address: URL, back: string): Promise<void> {
  const pending = takePending();
  // The code is in no address that anybody may copy.
  window.history.replaceState(window.history.state, "", pending?.from.startsWith("/console") ? pending.from : back);
  if (pending === null) throw new Error(en.signIn.notBegun);
  const provider = await discover(settings);
  const client = { client_id: settings.client_id };
  const words = validateAuthResponse(provider, client, address, pending.state);
  const response = await authorizationCodeGrantRequest(provider, client, None(), words, back, pending.verifier, insecure(settings));
  const options = { expectedNonce: pending.nonce, requireIdToken: true };
  const tokens = await processAuthorizationCodeResponse(provider, client, response, options);
  signIn(bearer(settings, tokens), false);
  keep(settings, provider, tokens);
}

function bearer({ token }: Oidc, tokens: TokenEndpointResponse): string {
  return (token === "id_token" ? tokens.id_token : undefined) ?? tokens.access_token;
}

/** Renews the token before it ends, and when the server refuses it, for as long as the provider does. */
function keep(settings: Oidc, provider: AuthorizationServer, first: TokenEndpointResponse): void {
  let tokens = first;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking = false;
  const plan = () => {
    const lasts = tokens.expires_in === undefined ? null : Date.now() + tokens.expires_in * 1_000;
    const end = endOf(bearer(settings, tokens)) ?? lasts;
    clearTimeout(timer);
    if (end !== null && tokens.refresh_token !== undefined) timer = setTimeout(() => void ask(), Math.min(TIMER_MOST, Math.max(0, end - Date.now() - AHEAD)));
  };
  const ask = async () => {
    const { refresh_token: refresh } = tokens;
    if (asking || refresh === undefined || current().key === null) return;
    asking = true;
    try {
      const client = { client_id: settings.client_id };
      const response = await refreshTokenGrantRequest(provider, client, None(), refresh, insecure(settings));
      tokens = { ...tokens, ...(await processRefreshTokenResponse(provider, client, response)) };
      renew(bearer(settings, tokens));
      plan();
    } catch {
      // The provider's session has ended as well: whoever looks is asked to sign in again.
      tokens = { ...tokens, refresh_token: undefined };
    } finally {
      asking = false;
    }
  };
  subscribe(() => {
    if (current().refused && current().key === bearer(settings, tokens)) void ask();
  });
  plan();
}
