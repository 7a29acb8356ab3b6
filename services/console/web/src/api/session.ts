// The credential of this tab. It lives in memory; "keep for this tab" puts it into sessionStorage, which ends with the
// tab. It is in no URL: a link that brings one (`#key=…`, `#session=…`) loses it before anything else is done.

export interface Session {
  /** The credential; null while nobody has signed in. */
  readonly key: string | null;
  /** The server no longer takes the credential. What is on the screen stays until another is given. */
  readonly refused: boolean;
  /** Grows with every sign-in, so that what was read with another credential is not used. */
  readonly epoch: number;
}

const KEPT = "watchbell.key";
const listeners = new Set<() => void>();
let session: Session = { key: null, refused: false, epoch: 0 };

export function current(): Session {
  return session;
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function become(next: Session): void {
  session = next;
  for (const listener of listeners) listener();
}

function storage(): Storage | null {
  // A frame of another site may have none.
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}

export function signIn(key: string, keep: boolean): void {
  if (keep) storage()?.setItem(KEPT, key);
  else storage()?.removeItem(KEPT);
  become({ key, refused: false, epoch: session.epoch + 1 });
}

export function signOut(): void {
  storage()?.removeItem(KEPT);
  become({ key: null, refused: false, epoch: session.epoch + 1 });
}

/** Another credential for the same: what was read, and what is being typed, stays. */
export function renew(key: string, keep = false): void {
  if (session.key === null) return;
  if (keep) storage()?.setItem(KEPT, key);
  become({ ...session, key, refused: false });
}

/** The server has refused this credential. */
export function refuse(key: string | null): void {
  if (key === null || session.refused || session.key !== key) return;
  storage()?.removeItem(KEPT);
  become({ ...session, refused: true });
}

/** Sessions that a key made: they end by themselves, and only the platform makes another. */
export const isPortalSession = (key: string | null) => key?.startsWith("wbs_") ?? false;

/** The credential of a link's fragment, and the fragment without it. */
export function keyOfFragment(fragment: string): { key: string | null; rest: string } {
  const words = new URLSearchParams(fragment.replace(/^#/, ""));
  const key = words.get("session") || words.get("key");
  words.delete("session");
  words.delete("key");
  const rest = words.toString();
  return { key: key === "" ? null : key, rest: rest === "" ? "" : `#${rest}` };
}

/** Called once, before the router reads the address. */
export function begin(): void {
  const { key, rest } = keyOfFragment(window.location.hash);
  if (key !== null) {
    const { pathname, search } = window.location;
    window.history.replaceState(window.history.state, "", pathname + search + rest);
    signIn(key, false);
    return;
  }
  const kept = storage()?.getItem(KEPT);
  if (kept) signIn(kept, true);
}
