// A short sound for what comes into the inbox. It is off until somebody turns it on, which this browser remembers. Of all tabs one
// sounds, and not more often than every few seconds; a page that nobody has touched since it was loaded may not sound, and does not try.

import { useSyncExternalStore } from "react";

const CHOSEN = "watchbell.sound";
const LAST = "watchbell.sounded";
/** The shortest time between two sounds, in milliseconds. */
export const PAUSE = 5_000;

const listeners = new Set<() => void>();
let chosen: boolean | null = null;

function storage(): Storage | null {
  // A frame of another site may have none.
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

function read(): boolean {
  chosen ??= storage()?.getItem(CHOSEN) === "on";
  return chosen;
}

function subscribe(listener: () => void): () => void {
  const other = ({ key }: StorageEvent) => {
    if (key !== CHOSEN) return;
    chosen = null;
    listener();
  };
  listeners.add(listener);
  window.addEventListener("storage", other);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("storage", other);
  };
}

export function useSounds(): boolean {
  return useSyncExternalStore(subscribe, read);
}

/** Turned on, it sounds once, so that it is known how. */
export function setSounds(on: boolean): void {
  chosen = on;
  if (on) storage()?.setItem(CHOSEN, "on");
  else storage()?.removeItem(CHOSEN);
  for (const listener of listeners) listener();
  if (on) void sound();
}

/** Whether enough time has passed since the last sound. A last one that is to come is of a clock that was set back. */
export function isDue(last: number, now: number): boolean {
  return last > now || now - last >= PAUSE;
}

let context: AudioContext | null = null;

async function sound(): Promise<void> {
  // Browsers refuse sounds, loudly, on pages that nobody has touched.
  if (!navigator.userActivation.hasBeenActive) return;
  try {
    context ??= new AudioContext();
    await context.resume();
    const [begin, tone, level] = [context.currentTime, context.createOscillator(), context.createGain()];
    tone.type = "sine";
    tone.frequency.setValueAtTime(880, begin);
    tone.frequency.setValueAtTime(1_175, begin + 0.09);
    level.gain.setValueAtTime(0.0001, begin);
    level.gain.exponentialRampToValueAtTime(0.12, begin + 0.015);
    level.gain.exponentialRampToValueAtTime(0.0001, begin + 0.45);
    tone.connect(level).connect(context.destination);
    tone.start(begin);
    tone.stop(begin + 0.5);
  } catch {
    // There is nothing to sound with.
  }
}

/** Once for all tabs: whoever comes first has the turn until the pause is over. */
async function inTurn(act: () => Promise<void>): Promise<void> {
  const due = async () => {
    const [last, now] = [Number(storage()?.getItem(LAST) ?? 0), Date.now()];
    if (!isDue(last, now)) return;
    storage()?.setItem(LAST, String(now));
    await act();
  };
  if (!("locks" in navigator)) return due();
  try {
    await navigator.locks.request("watchbell.sound", { ifAvailable: true }, async (lock) => (lock ? due() : undefined));
  } catch {
    // A frame whose browser blocks what sites keep.
    await due();
  }
}

/** Sounds, if that is wanted, allowed and not too soon after the last time. */
export function ring(): void {
  if (read() && navigator.userActivation.hasBeenActive) void inTurn(sound);
}
