// What the server says before anybody has signed in: `/console/config.json`.

export interface Config {
  brand: {
    name: string;
    /** `#rrggbb`; null when the operator has chosen none. */
    primary_color: string | null;
    logo_url: string | null;
    signature_header: string;
    medium_word: string;
  };
  /** Where the API is; empty for the console's own origin. */
  api_base: string;
  /** Whether people may sign in by an API key. */
  keys: boolean;
  embed_origins: string[];
  /** Where members sign in; null when that is not set up. */
  oidc: Oidc | null;
  version: string;
}

export interface Oidc {
  issuer: string;
  client_id: string;
  scope: string;
  /** Which of the provider's tokens the server takes. */
  token: "access_token" | "id_token";
}

export async function readConfig(): Promise<Config> {
  // As the page's head asks for it, which is what the browser has by then.
  const answer = await fetch("/console/config.json", { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`/console/config.json answered ${answer.status}`);
  return (await answer.json()) as Config;
}
