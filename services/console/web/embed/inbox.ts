// `<watchbell-inbox>`: a bell with its inbox, for any page. It has no dependency, lives in a shadow root, makes no markup out of
// text, and needs nothing of the page's content security policy but its own address in `script-src` and the API's in `connect-src`.

import { Inbox, type Notification } from "./client";
import css from "./inbox.css?inline";
import { InboxList, type Mark } from "./list";
import { WORDS, type Words } from "./words";
import { PERMISSION_DENIED, Refused, UNAUTHENTICATED } from "./wire";

const BELL = ["M6 8a6 6 0 0 1 12 0c0 7 3 9 3 9H3s3-2 3-9", "M10 21a2 2 0 0 0 4 0"];
const ENVELOPE = ["M3 6h18v12H3z", "M3 7l9 6 9-6"];
const OPEN_ENVELOPE = ["M3 10l9-6 9 6v9H3z", "M3 11l9 5 9-5"];
const BOX = ["M3 4h18v4H3z", "M5 8v12h14V8", "M10 12h4"];
const SVG = "http://www.w3.org/2000/svg";
const MOST_COUNTED = 99;

function make<K extends keyof HTMLElementTagNameMap>(name: K, className: string, ...children: (Node | string)[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  if (className !== "") element.className = className;
  element.append(...children);
  return element;
}

function icon(paths: readonly string[]): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  for (const d of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

function button(className: string, label: string, paths: readonly string[] | null, act: () => void): HTMLButtonElement {
  const made = make("button", className, paths === null ? label : icon(paths));
  made.type = "button";
  if (paths !== null) {
    made.setAttribute("aria-label", label);
    made.title = label;
  }
  made.addEventListener("click", act);
  return made;
}

/** An address that may become a link: http and https only. */
function webAddress(text: string): string | null {
  try {
    const { protocol, href } = new URL(text);
    return protocol === "https:" || protocol === "http:" ? href : null;
  } catch {
    return null;
  }
}

/** Where this script came from: the API's origin, unless the page says another. */
const HOME = document.currentScript instanceof HTMLScriptElement ? new URL(document.currentScript.src).origin : location.origin;

/** What a page has set on an element before this script had come. */
function set<T>(element: HTMLElement, property: string): T | undefined {
  return Object.getOwnPropertyDescriptor(element, property)?.value as T | undefined;
}

export class WatchbellInbox extends HTMLElement {
  static readonly observedAttributes = ["base", "team", "member", "token", "inline"];

  /** Gives a credential of the member; asked again with `true` after one was refused. */
  getToken: ((renew: boolean) => string | Promise<string>) | null = set(this, "getToken") ?? null;

  private said: Words = WORDS;
  private list: InboxList | null = null;
  /** As it was said last. */
  private count = 0;
  private trouble: unknown = null;
  private pending = false;
  private gone = new AbortController();
  private readonly root = this.attachShadow({ mode: "open" });
  private readonly bell = button("bell", WORDS.label, BELL, () => this.panel.togglePopover());
  private readonly panel = make("div", "panel");
  private readonly news = make("div", "hidden");

  constructor() {
    super();
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    this.root.adoptedStyleSheets = [sheet];
    this.bell.part.add("bell");
    this.bell.setAttribute("aria-haspopup", "dialog");
    this.panel.part.add("panel");
    this.panel.setAttribute("role", "dialog");
    this.news.setAttribute("role", "status");
    // By the accessor, which a property of the element itself would hide.
    const words = set<Partial<Words>>(this, "words");
    if (words) {
      delete (this as { words?: unknown }).words;
      this.said = { ...WORDS, ...words };
    }
    this.panel.addEventListener("toggle", () => {
      this.bell.setAttribute("aria-expanded", String(this.isOpen));
      this.place();
      if (this.isOpen) this.panel.querySelector<HTMLElement>("button, a")?.focus();
    });
  }

  /** Other words, by their names in `WORDS`. */
  set words(words: Partial<Words>) {
    this.said = { ...WORDS, ...words };
    this.draw();
  }

  get unread(): number {
    return this.count;
  }

  connectedCallback(): void {
    this.gone = new AbortController();
    const { signal } = this.gone;
    window.addEventListener("resize", () => this.place(), { signal });
    window.addEventListener("scroll", () => this.place(), { signal, capture: true, passive: true });
    this.start();
  }

  disconnectedCallback(): void {
    this.gone.abort();
    this.list?.close();
    this.list = null;
  }

  attributeChangedCallback(): void {
    if (this.isConnected) this.start();
  }

  private get isInline(): boolean {
    return this.hasAttribute("inline");
  }

  private get isOpen(): boolean {
    return this.isInline || this.panel.matches(":popover-open");
  }

  /** Attributes are often set one after another: one start for all of them. */
  private start(): void {
    if (this.pending) return;
    this.pending = true;
    queueMicrotask(() => {
      this.pending = false;
      this.list?.close();
      this.list = null;
      this.trouble = null;
      if (this.isInline) this.panel.removeAttribute("popover");
      else this.panel.setAttribute("popover", "auto");
      this.root.replaceChildren(...(this.isInline ? [] : [this.bell]), this.panel, this.news);
      this.draw();
      if (this.isConnected) this.open();
    });
  }

  private open(): void {
    const inbox = new Inbox({
      base: (this.getAttribute("base") ?? HOME).replace(/\/$/, ""),
      team: this.getAttribute("team") ?? "",
      member: this.getAttribute("member") ?? "",
      token: async (renew) => (this.getToken ? this.getToken(renew) : (this.getAttribute("token") ?? "")),
    });
    const list = new InboxList(inbox, () => this.draw());
    this.list = list;
    void inbox.follow({
      added: (notification) => {
        if (list.add(notification)) this.tell(notification);
      },
      reset: () => void list.read(),
      trouble: (error) => {
        this.trouble = error;
        this.draw();
      },
    });
  }

  private tell(notification: Notification): void {
    this.news.textContent = notification.title;
    this.dispatchEvent(new CustomEvent("watchbell-notification", { detail: { ...notification }, bubbles: true, composed: true }));
  }

  private mark(rpc: Mark, row: Notification): void {
    void this.list?.mark(rpc, row);
  }

  /** The page may take a click over: `event.preventDefault()`. */
  private follow(row: Notification, event: Event): void {
    if (!row.read) this.mark("MarkRead", row);
    const open = new CustomEvent("watchbell-open", { detail: { ...row }, bubbles: true, composed: true, cancelable: true });
    if (!this.dispatchEvent(open)) event.preventDefault();
    if (!this.isInline) this.panel.hidePopover();
  }

  private place(): void {
    if (this.isInline || !this.isOpen) return;
    const { bottom, top, left, right } = this.bell.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.panel;
    const x = left + width + 8 <= innerWidth ? left : right - width;
    const y = bottom + height + 8 <= innerHeight || top < height ? bottom + 4 : top - height - 4;
    this.panel.style.left = `${Math.max(8, Math.min(x, innerWidth - width - 8))}px`;
    this.panel.style.top = `${Math.max(8, Math.min(y, innerHeight - height - 8))}px`;
  }

  private draw(): void {
    const words = this.said;
    const { rows, next, count } = this.list ?? { rows: [], next: "", count: 0 };
    const trouble = this.trouble ?? this.list?.trouble ?? null;
    const isRecounted = this.count !== count;
    this.count = count;
    const label = this.count > 0 ? `${words.label}, ${words.unread(this.count)}` : words.label;
    this.bell.setAttribute("aria-label", label);
    this.bell.title = words.label;
    this.panel.setAttribute("aria-label", words.label);
    this.bell.querySelector(".count")?.remove();
    if (this.count > 0) {
      const badge = make("span", "count", this.count > MOST_COUNTED ? `${MOST_COUNTED}+` : String(this.count));
      badge.part.add("count");
      badge.setAttribute("aria-hidden", "true");
      this.bell.append(badge);
    }
    const focused = this.root.activeElement?.closest("[data-key]")?.getAttribute("data-key") ?? null;
    const readAll = button("quiet", words.readAll, null, () => void this.list?.readAll());
    readAll.hidden = this.count === 0;
    readAll.dataset.key = "all";
    const parts: Node[] = [make("div", "head", make("strong", "", words.label), readAll)];
    if (trouble !== null) parts.push(this.troubleNote(trouble));
    if (rows.length > 0) parts.push(make("ul", "", ...rows.map((row) => this.item(row))));
    else if (trouble === null) parts.push(make("p", "note", next === "" ? words.empty : words.emptySoFar));
    if (next !== "") parts.push(button("quiet more", words.older, null, () => void this.list?.older()));
    this.panel.replaceChildren(...parts);
    if (focused !== null) this.panel.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    this.place();
    if (isRecounted) this.dispatchEvent(new CustomEvent("watchbell-unread", { detail: count, bubbles: true, composed: true }));
  }

  private troubleText(trouble: unknown): string {
    const code = trouble instanceof Refused ? trouble.code : 0;
    if (code === UNAUTHENTICATED) return this.said.signedOut;
    return code === PERMISSION_DENIED ? this.said.denied : this.said.away;
  }

  private troubleNote(trouble: unknown): HTMLElement {
    const note = make("p", "note", this.troubleText(trouble), " ", button("quiet", this.said.again, null, () => this.start()));
    note.setAttribute("role", "alert");
    return note;
  }

  private item(row: Notification): HTMLLIElement {
    const words = this.said;
    const address = webAddress(row.url);
    const title = address === null ? make("button", "title") : make("a", "title");
    if (title instanceof HTMLAnchorElement && address !== null) {
      title.href = address;
      title.target = "_blank";
      title.rel = "noopener noreferrer";
    } else title.setAttribute("type", "button");
    title.dataset.key = row.id;
    title.dir = "auto";
    if (!row.read) title.append(make("span", "hidden", `${words.unread(1)}: `));
    title.append(row.title || row.type);
    title.addEventListener("click", (event) => this.follow(row, event));
    const minutes = Math.floor((Date.now() - row.made) / 60_000);
    const facts = [words.severities[row.severity], row.source, row.subject, minutes < 1 ? words.now : words.ago(minutes)].filter(Boolean).join(" · ");
    const marks = make(
      "span",
      "marks",
      row.read
        ? button("", words.markUnread, ENVELOPE, () => this.mark("MarkUnread", row))
        : button("", words.markRead, OPEN_ENVELOPE, () => this.mark("MarkRead", row)),
      button("", words.archive, BOX, () => this.mark("Archive", row)),
    );
    const made = make("li", row.read ? "" : "new", make("span", `severity severity-${row.severity}`), make("div", "what", title, make("p", "facts", facts)), marks);
    made.part.add("item");
    return made;
  }
}

if (!customElements.get("watchbell-inbox")) customElements.define("watchbell-inbox", WatchbellInbox);
