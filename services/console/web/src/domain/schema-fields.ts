// The fields of a type's data, as its JSON Schema has them, and their values between a control and the JSON.

import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

export type FieldKind = "text" | "time" | "number" | "boolean" | "choice" | "json";

export interface DataField {
  readonly name: string;
  readonly kind: FieldKind;
  readonly isRequired: boolean;
  readonly description: string;
  /** With `choice`: the JSON of each value. */
  readonly options: readonly string[];
}

const isObject = (value: JsonValue | undefined): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

/** One that may be absent as null, too, is of its other type. */
function typeOf({ type }: JsonObject): JsonValue | undefined {
  if (!Array.isArray(type)) return type;
  const others = type.filter((one) => one !== "null");
  return others.length === 1 ? others[0] : undefined;
}

function kindOf(schema: JsonObject): FieldKind {
  if (Array.isArray(schema.enum)) return "choice";
  switch (typeOf(schema)) {
    case "string":
      return schema.format === "date-time" ? "time" : "text";
    case "number":
    case "integer":
      return "number";
    case "boolean":
      return "boolean";
    default:
      return "json";
  }
}

/** Those that must be given first, then in the order of the schema; at last what the data has besides. */
export function fieldsOf(schema: JsonObject | undefined, present: readonly string[]): readonly DataField[] {
  const properties = isObject(schema?.properties) ? schema.properties : {};
  const required = Array.isArray(schema?.required) ? schema.required : [];
  const known = Object.entries(properties).map(([name, property]): DataField => {
    const own = isObject(property) ? property : {};
    return {
      name,
      kind: kindOf(own),
      isRequired: required.includes(name),
      description: typeof own.description === "string" ? own.description : "",
      options: Array.isArray(own.enum) ? own.enum.map((value) => JSON.stringify(value)) : [],
    };
  });
  const others = present.filter((name) => !Object.hasOwn(properties, name));
  return [
    ...known.filter(({ isRequired }) => isRequired),
    ...known.filter(({ isRequired }) => !isRequired),
    ...others.map((name): DataField => ({ name, kind: "json", isRequired: false, description: "", options: [] })),
  ];
}

/** The names of data that expressions ask for. */
export function mentioned(expressions: readonly string[]): ReadonlySet<string> {
  return new Set(expressions.flatMap((text) => [...text.matchAll(/\bevent\.data\.([A-Za-z_]\w*)/g)].map((found) => found[1] ?? "")));
}

/** What a control shows of a JSON text; texts without their quotes. */
export function shown(json: string | undefined): string {
  if (json === undefined) return "";
  const value: unknown = json.startsWith('"') ? JSON.parse(json) : json;
  return String(value);
}

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The JSON text of what was typed; null for nothing. What is not what it should be stays a text, and the server says so. */
export function jsonOf(kind: FieldKind, typed: string): string | null {
  if (typed === "") return null;
  const isItself = { text: false, time: false, number: NUMBER.test(typed), boolean: true, choice: true, json: isJson(typed) }[kind];
  return isItself ? typed : JSON.stringify(typed);
}

/** What a violation's path below `event.data` is about: the name of the member; empty for the data as a whole. */
export function memberOf(path: string): string {
  return /^event\.data(?:_json)?\.([^.[]+)/.exec(path)?.[1] ?? "";
}
