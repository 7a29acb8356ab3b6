// `<watchbell-console>`: a page of the console in a page of another origin, in a frame, signed in by the token that the page
// gives. The console takes tokens from the origins of `console.embed_origins` only.

/** Where this script came from: the console's origin, unless the page says another. */
const HOME = document.currentScript instanceof HTMLScriptElement ? new URL(document.currentScript.src).origin : location.origin;

const CSS = ":host { display: block; height: 640px } :host([hidden]) { display: none } iframe { border: 0; width: 100%; height: 100% }";

interface Wanted {
  readonly base: string;
  readonly team: string;
  readonly page: string;
  readonly theme: string;
}

/** The address of a page without navigation. Without a team it is the token's own. */
export function addressOf({ base, team, page, theme }: Wanted): string {
  const path = page.split("/").map(encodeURIComponent).join("/");
  const url = new URL(team === "" ? "/console/" : `/console/t/${encodeURIComponent(team)}/${path}`, base);
  url.searchParams.set("embed", "1");
  if (team === "") url.searchParams.set("page", page);
  if (theme !== "") url.searchParams.set("theme", theme);
  return url.href;
}

export class WatchbellConsole extends HTMLElement {
  static readonly observedAttributes = ["base", "team", "page", "theme"];

  /** Gives a token of the signed-in member; asked again with `true` before one ends, and after one was refused. */
  getToken: ((renew: boolean) => string | Promise<string>) | null =
    (Object.getOwnPropertyDescriptor(this, "getToken")?.value as WatchbellConsole["getToken"] | undefined) ?? null;

  private readonly frame = document.createElement("iframe");
  private gone = new AbortController();

  constructor() {
    super();
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    this.frame.referrerPolicy = "no-referrer";
    this.frame.allow = "clipboard-write";
    this.frame.part.add("frame");
    root.append(this.frame);
  }

  connectedCallback(): void {
    this.gone = new AbortController();
    window.addEventListener("message", (event) => void this.answer(event), { signal: this.gone.signal });
    this.show();
  }

  disconnectedCallback(): void {
    this.gone.abort();
  }

  attributeChangedCallback(): void {
    if (this.isConnected) this.show();
  }

  private get base(): string {
    return this.getAttribute("base") ?? HOME;
  }

  private show(): void {
    const text = (name: string) => this.getAttribute(name) ?? "";
    const address = addressOf({ base: this.base, team: text("team"), page: text("page") || "deliveries", theme: text("theme") });
    this.frame.title = this.title || "Watchbell";
    if (this.frame.src !== address) this.frame.src = address;
  }

  /** The token goes to the console and to nobody else, whatever the frame shows by then. */
  private async answer({ source, origin, data }: MessageEvent<{ type?: unknown; renew?: unknown } | null>): Promise<void> {
    const console = new URL(this.base).origin;
    const { contentWindow } = this.frame;
    if (contentWindow === null || source !== contentWindow || origin !== console || data?.type !== "watchbell.token-needed") return;
    const token = await this.getToken?.(data.renew === true);
    if (token) contentWindow.postMessage({ type: "watchbell.token", token }, console);
  }
}

if (!customElements.get("watchbell-console")) customElements.define("watchbell-console", WatchbellConsole);
