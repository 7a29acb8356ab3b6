// Times, durations and numbers as people read them, by this browser's zone unless another is named.

const LOCALE = "en";

const clockFormat = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const minuteFormat = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const dayFormat = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short" });
const wholeFormat = new Intl.DateTimeFormat(LOCALE, {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
});
const numberFormat = new Intl.NumberFormat(LOCALE);

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const count = (value: number) => numberFormat.format(value);
export const clock = (at: number) => clockFormat.format(at);
export const minute = (at: number) => minuteFormat.format(at);
export const whole = (at: number) => wholeFormat.format(at);
export const utc = (at: number) => new Date(at).toISOString();
/** As a `datetime-local` control writes a moment. */
export const written = (at: number) => new Date(at - new Date(at).getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);

function sameDay(a: number, b: number): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString();
}

/** "11:13:00" today, "24 Nov 11:13" on another day. */
export function made(at: number, now: number): string {
  return sameDay(at, now) ? clock(at) : `${dayFormat.format(at)} ${minute(at)}`;
}

/** "20:00" today, "28 Nov 20:00" on another day. */
export function moment(at: number, now: number): string {
  return sameDay(at, now) ? minute(at) : `${dayFormat.format(at)} ${minute(at)}`;
}

/** "212 ms", "6.3 s", "4 min", "2 h 5 min", "3 d". */
export function duration(milliseconds: number): string {
  const span = Math.max(0, milliseconds);
  if (span < SECOND) return `${Math.round(span)} ms`;
  if (span < 10 * SECOND) return `${(span / SECOND).toFixed(1)} s`;
  if (span < 2 * MINUTE) return `${Math.round(span / SECOND)} s`;
  if (span < 2 * HOUR) return `${Math.round(span / MINUTE)} min`;
  if (span < 2 * DAY) {
    const minutes = Math.round((span % HOUR) / MINUTE);
    const hours = Math.floor(span / HOUR) + (minutes === 60 ? 1 : 0);
    return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes} min`;
  }
  return `${Math.round(span / DAY)} d`;
}

/** "just now", "4 min ago" within an hour; later as [`moment`]. */
export function ago(at: number, now: number): string {
  const span = now - at;
  if (span < MINUTE) return "just now";
  return span < HOUR ? `${duration(span)} ago` : moment(at, now);
}

/** "0:38", "12:05", "3:04:00": what is left until a moment. */
export function countdown(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / SECOND));
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** A clause as a sentence: with a capital, and an end. */
export function sentence(text: string): string {
  if (text === "") return "";
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

/** Characters that show text in another order than it has are shown as what they are. */
export function plain(text: string): string {
  return text.replaceAll(/[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g, (mark) => `⟨U+${(mark.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

/** An address that may become a link: http and https only. */
export function webAddress(text: string): string | null {
  try {
    const { protocol, href } = new URL(text);
    return protocol === "https:" || protocol === "http:" ? href : null;
  } catch {
    return null;
  }
}
