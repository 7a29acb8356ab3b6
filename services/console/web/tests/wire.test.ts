import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Refused, ask, bytesOf, call, decode, encode, numberOf, textOf } from "../embed/wire";
import { ListNotificationsRequestSchema, ListNotificationsResponseSchema } from "../src/api/gen/watchbell/dispatcher/v1/inbox_service_pb";
import { NotificationSchema } from "../src/api/gen/watchbell/dispatcher/v1/notification_pb";

const TO = { base: "https://bell.example.com", rpc: "a.B/C", token: "t", signal: new AbortController().signal };

function frame(flag: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(5 + body.length);
  bytes[0] = flag;
  new DataView(bytes.buffer).setUint32(1, body.length);
  bytes.set(body, 5);
  return bytes;
}

/** Answers in parts of so many bytes, as a network may cut them. */
function answer(bytes: readonly Uint8Array[], part: number, headers: Record<string, string> = {}): void {
  const whole = new Uint8Array(bytes.flatMap((one) => [...one]));
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < whole.length; at += part) controller.enqueue(whole.slice(at, at + part));
      controller.close();
    },
  });
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(body, { headers })));
}

afterEach(() => vi.unstubAllGlobals());

describe("messages of the inbox", () => {
  it("are written as the contract reads them", () => {
    const bytes = encode([
      [1, "team_1"],
      [2, "mbr_ü"],
      [3, 300],
      [4, ""],
      [6, true],
    ]);
    expect(fromBinary(ListNotificationsRequestSchema, bytes)).toMatchObject({ teamId: "team_1", memberId: "mbr_ü", pageSize: 300, pageToken: "", includeArchived: true });
  });

  it("are read as the contract writes them", () => {
    const notification = create(NotificationSchema, {
      id: "ntf_1",
      severity: 5,
      title: "Öffentlich",
      read: true,
      cursor: 9_007_199_254_740_991n,
      createTime: create(TimestampSchema, { seconds: 1_795_691_586n, nanos: 5 }),
    });
    const page = create(ListNotificationsResponseSchema, { notifications: [notification, { id: "ntf_2" }], nextPageToken: "next" });
    const fields = decode(toBinary(ListNotificationsResponseSchema, page));
    expect(fields.get(1)).toHaveLength(2);
    expect(textOf(fields, 2)).toBe("next");
    const first = decode(bytesOf(new Map([[1, (fields.get(1) ?? []).slice(0, 1)]]), 1));
    expect([textOf(first, 1), numberOf(first, 5), textOf(first, 6), numberOf(first, 11), numberOf(first, 13)]).toEqual(["ntf_1", 5, "Öffentlich", 1, 9_007_199_254_740_991]);
    expect(numberOf(decode(bytesOf(first, 10)), 1)).toBe(1_795_691_586);
  });

  it("survive bytes that are cut short", () => {
    expect(() => decode(new Uint8Array([8, 255, 255]))).not.toThrow();
    expect(() => decode(new Uint8Array([10, 200, 1]))).not.toThrow();
  });
});

describe("answers", () => {
  const ok = frame(128, new TextEncoder().encode("grpc-status: 0\r\n"));

  it("come whole, however the network cuts them", async () => {
    for (const part of [1, 3, 7, 1_000]) {
      answer([frame(0, encode([[1, "one"]])), frame(0, encode([[1, "two"]])), ok], part);
      const seen: string[] = [];
      for await (const fields of call(TO, encode([]))) seen.push(textOf(fields, 1));
      expect(seen).toEqual(["one", "two"]);
    }
  });

  it("are refused when they end before their status, or are no answer of the server's", async () => {
    answer([frame(0, encode([[1, "one"]]))], 100);
    await expect(ask(TO, encode([]))).rejects.toMatchObject({ code: 14 });
    for (const [status, code] of [
      [401, 16],
      [403, 7],
      [502, 14],
    ] as const) {
      vi.stubGlobal("fetch", () => Promise.resolve(new Response("<html>", { status })));
      await expect(ask(TO, encode([]))).rejects.toMatchObject({ code });
    }
    answer([], 1, { "grpc-status": "5", "grpc-message": "100% gone" });
    await expect(ask(TO, encode([]))).rejects.toEqual(new Refused(5, "100% gone"));
  });

  it("say what was refused, in the trailer or before any message", async () => {
    answer([frame(128, new TextEncoder().encode("grpc-status:16\r\ngrpc-message:the%20key%20has%20ended\r\n"))], 4);
    await expect(ask(TO, encode([]))).rejects.toEqual(new Refused(16, "the key has ended"));
    answer([], 1, { "grpc-status": "7", "grpc-message": "no" });
    await expect(ask(TO, encode([]))).rejects.toMatchObject({ code: 7 });
  });
});
