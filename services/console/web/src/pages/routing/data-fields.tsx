// The data of a made-up event: a control for each field of the type's schema, or the JSON itself. What is not given is the example's.

import { type ReactNode, useId, useState } from "react";
import type { Violation } from "../../api/errors";
import type { EventType } from "../../api/gen/watchbell/config/v1/event_type_pb";
import { membersOf, withMember } from "../../domain/members";
import { type DataField, fieldsOf, jsonOf, memberOf, shown } from "../../domain/schema-fields";
import * as en from "../../messages/en";
import { Field } from "../../parts/field";
import { plain } from "../../parts/format";

interface Props {
  /** Undefined for a type that the catalog does not have. */
  readonly type: EventType | undefined;
  /** JSON text; empty for the example of the type. */
  readonly data: string;
  /** Names of fields that rules ask for. */
  readonly asked: ReadonlySet<string>;
  readonly violations: readonly Violation[];
  readonly onChange: (data: string) => void;
}

export function DataFields({ type, data, asked, violations, onChange }: Props): ReactNode {
  const [asJson, setAsJson] = useState(false);
  const [more, setMore] = useState(false);
  const example = JSON.stringify(type?.example ?? {});
  const members = membersOf(data.trim() === "" ? example : data);
  const about = violations.filter(({ path }) => path.startsWith("event.data"));
  const isJson = asJson || members === null;
  const fields = fieldsOf(type?.dataSchema, [...(members?.keys() ?? [])]);
  // What must be given, and what some rule asks for; the others are a click away.
  const first = fields.filter(({ name, isRequired }) => isRequired || asked.has(name));
  const rest = fields.filter((field) => !first.includes(field));
  const said = (member: string) => about.filter(({ path }) => memberOf(path) === member).map(({ text }) => text).join("; ") || undefined;
  const rows = (of: readonly DataField[]) =>
    of.map((field) => (
      <DataRow
        key={field.name}
        field={field}
        json={members?.get(field.name)}
        error={said(field.name)}
        onChange={(json) => onChange(withMember(members ?? new Map(), field.name, json))}
      />
    ));
  const unplaced = about.filter(({ path }) => !fields.some(({ name }) => name === memberOf(path)));
  return (
    <section className="grid gap-2" aria-label={en.playground.data}>
      <div className="flex flex-wrap items-center gap-2">
        <h3 className="field-label">{en.playground.data}</h3>
        {data.trim() === "" ? <span className="field-hint">{en.playground.fromExample}</span> : null}
        <span className="ms-auto" />
        {data.trim() === "" ? null : (
          <button type="button" className="btn btn-small btn-quiet" onClick={() => onChange("")}>
            {en.playground.backToExample}
          </button>
        )}
        <button type="button" className="btn btn-small" aria-pressed={isJson} disabled={members === null} onClick={() => setAsJson(!asJson)}>
          {en.playground.asJson}
        </button>
      </div>
      {isJson ? (
        <Field
          label={en.playground.json}
          hint={en.playground.dataHint}
          path="event.data"
          error={members === null ? en.playground.notJson : about.map(({ path, text }) => `${path.slice("event.".length)}: ${text}`).join("; ") || undefined}
        >
          {(control) => (
            <textarea
              {...control}
              className="input mono"
              rows={data === "" ? 2 : 8}
              spellCheck={false}
              placeholder={example}
              value={data}
              onChange={(event) => onChange(event.target.value)}
            />
          )}
        </Field>
      ) : (
        <>
          {fields.length === 0 ? <p className="field-hint">{en.playground.noFields}</p> : <div className="data-fields">{rows(first)}</div>}
          {rest.length > 0 ? (
            <details
              open={more || first.length === 0 || rest.some(({ name }) => said(name) !== undefined)}
              // What was opened for an error stays open when that is mended.
              onToggle={(event) => setMore(event.currentTarget.open)}
            >
              <summary className="field-hint">{en.playground.moreFields(rest.length)}</summary>
              <div className="data-fields mt-2">{rows(rest)}</div>
            </details>
          ) : null}
          {unplaced.map(({ path, text }) => (
            <p key={`${path} ${text}`} className="field-error wrap-anywhere" role="alert">
              {path.slice("event.".length)}: {plain(text)}
            </p>
          ))}
        </>
      )}
    </section>
  );
}

interface RowProps {
  readonly field: DataField;
  readonly json: string | undefined;
  readonly error: string | undefined;
  readonly onChange: (json: string | null) => void;
}

function DataRow({ field, json, error, onChange }: RowProps): ReactNode {
  const id = useId();
  const { name, kind, isRequired, description, options } = field;
  const note = error ?? description;
  const choices = kind === "boolean" ? ["true", "false"] : kind === "choice" ? options : null;
  const control = {
    id,
    required: isRequired,
    "aria-invalid": error !== undefined,
    "aria-describedby": note === "" ? undefined : `${id}-note`,
  };
  return (
    <div className="contents" data-path={`event.data.${name}`}>
      <label htmlFor={id} className="mono wrap-anywhere" title={plain(description)}>
        {plain(name)}
        {isRequired ? <span className="text-failed"> *</span> : null}
      </label>
      <div className="grid min-w-0 gap-1">
        {choices ? (
          <select {...control} className="input" value={json ?? ""} onChange={(event) => onChange(jsonOf(kind, event.target.value))}>
            <option value="">{en.playground.absent}</option>
            {json === undefined || choices.includes(json) ? null : <option value={json}>{plain(json)}</option>}
            {choices.map((choice) => (
              <option key={choice} value={choice}>
                {plain(shown(choice))}
              </option>
            ))}
          </select>
        ) : (
          <input
            {...control}
            className={kind === "json" ? "input mono" : "input"}
            inputMode={kind === "number" ? "decimal" : undefined}
            placeholder={kind === "time" ? en.playground.timeHint : en.playground.absent}
            autoComplete="off"
            spellCheck={false}
            value={shown(json)}
            onChange={(event) => onChange(jsonOf(kind, event.target.value))}
          />
        )}
        {note === "" ? null : (
          <p id={`${id}-note`} className={error === undefined ? "sr-only" : "field-error wrap-anywhere"}>
            {plain(note)}
          </p>
        )}
      </div>
    </div>
  );
}
