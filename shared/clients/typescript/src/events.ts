// Events as callers write them.

import type { BuiltInTypes } from "./catalog.js";
import type { Event } from "./contracts.js";

/** What an event has beside its type and its `data`; all of it optional. */
export interface EventOptions {
  /** Unique in the team; the receivers' idempotency key. */
  id?: string;
  severity?: "INFO" | "LOW" | "MODERATE" | "MEDIUM" | "HIGH" | "CRITICAL";
  title?: string;
  url?: string;
  subject?: string;
  source?: string;
  occurredAt?: Date;
}

/** `emit` of each built-in event type with its `data`; the types of a team's own catalog go to `emitCustom`. */
export abstract class Emits<Emitted> {
  emit<Type extends keyof BuiltInTypes>(
    type: Type,
    data: BuiltInTypes[Type],
    options: EventOptions = {},
  ): Emitted {
    return this.send(message(type, { ...data }, options));
  }

  emitCustom(type: string, data: Record<string, unknown>, options: EventOptions = {}): Emitted {
    return this.send(message(type, data, options));
  }

  protected abstract send(event: Event & { id: string }): Emitted;
}

function message(type: string, data: Record<string, unknown>, options: EventOptions): Event & { id: string } {
  const { severity, occurredAt, id, ...texts } = options;
  return {
    id: id ?? crypto.randomUUID(),
    type,
    data,
    ...texts,
    ...(severity && { severity: `SEVERITY_${severity}` as const }),
    ...(occurredAt && { occurred_at: occurredAt.toISOString() }),
  };
}
