// gRPC-Web in as much as an inbox needs, without a library: requests of texts, numbers and switches; answers as fields by
// their numbers. The contract is `watchbell.dispatcher.v1.InboxService`.

/** The values of each field of a message, in order: texts and messages as bytes, everything else as a number. */
export type Fields = ReadonlyMap<number, readonly (Uint8Array | number)[]>;

const utf8 = new TextEncoder();
const text = new TextDecoder();

export class Refused extends Error {
  /** The code of gRPC. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export const UNAUTHENTICATED = 16;
export const PERMISSION_DENIED = 7;
const UNAVAILABLE = 14;
/** INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, UNIMPLEMENTED. */
const FINAL = new Set([3, 5, PERMISSION_DENIED, 12]);

/** Whether the same call would be refused again. */
export function isFinal(error: unknown): boolean {
  return error instanceof Refused && FINAL.has(error.code);
}

/** What an answer that is not gRPC's means, by HTTP's status, as gRPC maps it. */
function codeOf(status: number): number {
  switch (status) {
    case 400:
      return 13;
    case 401:
      return UNAUTHENTICATED;
    case 403:
      return PERMISSION_DENIED;
    case 404:
      return 12;
    default:
      return UNAVAILABLE;
  }
}

function varint(value: number, into: number[]): void {
  let rest = value;
  while (rest > 127) {
    into.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  into.push(rest);
}

/** A message of `[field, value]`s. Values of proto3's defaults are left out. */
export function encode(fields: readonly (readonly [number, string | number | boolean])[]): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (const [field, value] of fields) {
    if (value === "" || value === 0 || value === false) continue;
    if (typeof value === "string") {
      const content = utf8.encode(value);
      varint(field * 8 + 2, bytes);
      varint(content.length, bytes);
      for (const byte of content) bytes.push(byte);
    } else {
      varint(field * 8, bytes);
      varint(Number(value), bytes);
    }
  }
  return new Uint8Array(bytes);
}

export function decode(bytes: Uint8Array): Fields {
  const fields = new Map<number, (Uint8Array | number)[]>();
  let at = 0;
  const number = () => {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = bytes[at] ?? 0;
      at += 1;
      value += (byte & 127) * factor;
      if (byte < 128 || at > bytes.length) return value;
      factor *= 128;
    }
  };
  while (at < bytes.length) {
    const tag = number();
    let value: Uint8Array | number;
    switch (tag & 7) {
      case 0:
        value = number();
        break;
      case 2: {
        const length = number();
        value = bytes.subarray(at, at + length);
        at += length;
        break;
      }
      case 1:
        at += 8;
        continue;
      case 5:
        at += 4;
        continue;
      default:
        throw new Refused(13, "the answer cannot be read");
    }
    const field = Math.floor(tag / 8);
    const values = fields.get(field);
    if (values) values.push(value);
    else fields.set(field, [value]);
  }
  return fields;
}

const EMPTY = new Uint8Array();
export const bytesOf = (fields: Fields, field: number): Uint8Array => {
  const value = fields.get(field)?.at(-1);
  return value instanceof Uint8Array ? value : EMPTY;
};
export const textOf = (fields: Fields, field: number): string => text.decode(bytesOf(fields, field));
export const numberOf = (fields: Fields, field: number): number => {
  const value = fields.get(field)?.at(-1);
  return typeof value === "number" ? value : 0;
};

/** Percent-encoded by the contract; as it is when it is not. */
function decoded(message: string): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}

function refusalOf(head: (name: string) => string | null): void {
  const status = head("grpc-status");
  if (status === null || status === "0") return;
  throw new Refused(Number(status) || 2, decoded(head("grpc-message") ?? ""));
}

export interface Call {
  readonly base: string;
  /** `package.Service/Rpc`. */
  readonly rpc: string;
  readonly token: string;
  readonly signal: AbortSignal;
}

/** The messages of an answer, as they come. */
export async function* call({ base, rpc, token, signal }: Call, request: Uint8Array): AsyncGenerator<Fields> {
  const body = new Uint8Array(5 + request.length);
  new DataView(body.buffer).setUint32(1, request.length);
  body.set(request, 5);
  const response = await fetch(`${base}/${rpc}`, {
    method: "POST",
    headers: { "content-type": "application/grpc-web+proto", "x-grpc-web": "1", authorization: `Bearer ${token}` },
    body,
    signal,
    credentials: "omit",
    referrerPolicy: "no-referrer",
  });
  refusalOf((name) => response.headers.get(name));
  if (!response.ok || !response.body) throw new Refused(codeOf(response.status), `HTTP ${response.status}`);
  yield* framed(response.body.getReader());
}

async function* framed(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<Fields> {
  let rest = new Uint8Array();
  for (;;) {
    while (rest.length >= 5) {
      const length = new DataView(rest.buffer, rest.byteOffset).getUint32(1);
      if (rest.length < 5 + length) break;
      const message = rest.slice(5, 5 + length);
      const isTrailer = ((rest[0] ?? 0) & 128) !== 0;
      rest = rest.slice(5 + length);
      if (isTrailer) {
        const lines = new Map(text.decode(message).split("\r\n").map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]));
        refusalOf((name) => lines.get(name) ?? null);
        return;
      }
      yield decode(message);
    }
    const { done, value } = await reader.read();
    // Whatever ends well ends with its status.
    if (done) throw new Refused(UNAVAILABLE, "the answer was cut off");
    const joined = new Uint8Array(rest.length + value.length);
    joined.set(rest);
    joined.set(value, rest.length);
    rest = joined;
  }
}

/** The one message of an answer. */
export async function ask(to: Call, request: Uint8Array): Promise<Fields> {
  let answer: Fields = new Map();
  for await (const message of call(to, request)) answer = message;
  return answer;
}
