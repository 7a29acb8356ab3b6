// Signing in at the platform's identity provider (OpenID Connect, code with PKCE). What it takes is loaded when somebody does.

import type { Oidc } from "./config";

let problem: unknown = null;

/** Why the last way back from the provider signed nobody in; null when nothing went wrong. */
export const oidcProblem = () => problem;

/** Where the provider leads back to. */
const BACK = "/console/";

/** Leaves for the provider. */
export async function leaveForProvider(settings: Oidc): Promise<void> {
  const { leave } = await import("./oidc-flow");
  await leave(settings, window.location.origin + BACK);
}

/** On the way back from the provider: signs in, and leads to where it was begun. */
export async function beginOidc(settings: Oidc | null): Promise<void> {
  const { pathname, search, href, origin } = window.location;
  const words = new URLSearchParams(search);
  if (settings === null || pathname !== BACK || !words.has("state") || !(words.has("code") || words.has("error"))) return;
  try {
    const { comeBack } = await import("./oidc-flow");
    await comeBack(settings, new URL(href), origin + BACK);
  } catch (error) {
    problem = error;
  }
}
