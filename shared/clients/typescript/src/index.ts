export type { BuiltInTypes } from "./catalog.js";
export { Watchbell, type WatchbellOptions } from "./client.js";
export type * from "./contracts.js";
export { Emitter, type EmitterOptions } from "./emitter.js";
export { type Code, type FieldViolation, WatchbellError } from "./errors.js";
export type { EventOptions } from "./events.js";
export type { StreamedEvent, StreamOptions } from "./stream.js";
export { InvalidSignature, verify, type WebhookBody } from "./webhooks.js";
