import { counted, eventsCounted, number } from "./counted";

export const backtest = {
  title: "The last seven days",
  ask: "Judge by the last seven days",
  again: "Judge again",
  stop: "Stop",
  running: (events: number) => `${eventsCounted(events)} judged…`,
  none: "No event was accepted in the last seven days.",
  same: (events: number) => `All ${eventsCounted(events)} would go where they went.`,
  changed: (changed: number, events: number) => `${number.format(changed)} of ${eventsCounted(events)} would reach others.`,
  more: (count: number) => `+${number.format(count)}`,
  less: (count: number) => `−${number.format(count)}`,
  messages: (before: number, after: number) => `${number.format(before)} → ${counted(after, "message", "messages")}`,
  unreached: (count: number) => `${counted(count, "event", "events")} more would reach nobody but the inbox.`,
  failing: (count: number) => `An expression would fail on ${counted(count, "event", "events")} more, which counts as no match.`,
  truncated: "There are more events than can be judged: older ones are left out.",
  examples: "Some of them",
  gains: (who: string) => `also to ${who}`,
  losses: (who: string) => `no longer to ${who}`,
  hint: "Every event is decided twice: by what is saved, and by this draft. Reminders, retries and the health of channels are not judged.",
};
