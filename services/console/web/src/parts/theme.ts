// Light or dark: as the system has it, or as chosen on this browser. The brand's colour, made readable on either.

import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";

const CHOSEN = "watchbell.theme";
const listeners = new Set<() => void>();

function read(): Theme {
  try {
    const chosen = window.localStorage.getItem(CHOSEN);
    return chosen === "light" || chosen === "dark" ? chosen : "system";
  } catch {
    return "system";
  }
}

let theme: Theme = "system";

function show(): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** `asked`: by the page around, for as long as it is there. */
export function beginTheme(asked: string | null): void {
  theme = asked === "light" || asked === "dark" ? asked : read();
  show();
}

export function choose(next: Theme): void {
  theme = next;
  try {
    if (next === "system") window.localStorage.removeItem(CHOSEN);
    else window.localStorage.setItem(CHOSEN, next);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  show();
  for (const listener of listeners) listener();
}

export function useTheme(): Theme {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => theme,
  );
}

type Rgb = readonly [number, number, number];

function partsOf(hex: string): Rgb {
  const part = (at: number) => Number.parseInt(hex.slice(at, at + 2), 16);
  return [part(1), part(3), part(5)];
}

function hex(colour: Rgb): string {
  return `#${colour.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")}`;
}

function luminance(colour: Rgb): number {
  const [r, g, b] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** The contrast ratio of WCAG 2.2. */
export function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(partsOf(a)), luminance(partsOf(b))].toSorted((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** The colour, moved towards `end` until text of it can be read on `ground`. */
export function readable(colour: string, ground: string, end: string): string {
  const [from, to] = [partsOf(colour), partsOf(end)];
  for (let step = 0; step <= 20; step += 1) {
    const mixed = hex(from.map((part, index) => part + ((to[index] ?? 0) - part) * (step / 20)) as unknown as Rgb);
    if (contrast(mixed, ground) >= 4.6) return mixed;
  }
  return end;
}

/** Whichever of the two reads better on `colour`. */
export function inkOn(colour: string, light: string, dark: string): string {
  return contrast(colour, light) >= contrast(colour, dark) ? light : dark;
}

/** Colours everything that the brand colours, in both themes. */
export function brand(primary: string | null): void {
  if (primary === null) return;
  const { style } = document.documentElement;
  const token = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(`--wb-${name}`).trim();
  const [white, black] = [token("white"), token("black")];
  const light = readable(primary, token("paper"), black);
  const dark = readable(primary, token("night"), white);
  const both = (a: string, b: string) => `light-dark(${a}, ${b})`;
  style.setProperty("--wb-brand", both(light, dark));
  style.setProperty("--wb-on-brand", both(inkOn(light, white, black), inkOn(dark, white, black)));
  style.setProperty("--wb-brand-soft", "color-mix(in oklab, var(--wb-brand) 11%, var(--wb-card))");
  style.setProperty("--wb-focus", both(light, dark));
}
