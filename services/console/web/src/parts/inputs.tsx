// Controls of one value, each with its label, hint and error, by the path that the server names it by.

import { type HTMLInputTypeAttribute, type ReactNode, useState } from "react";
import { secondsOf, secondsText } from "../domain/channel";
import { Field } from "./field";

interface Props<T> {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly path: string;
  /** By path. An error of the whole resource's part, `error`, stands here when the path has none of its own. */
  readonly errors: ReadonlyMap<string, string>;
  readonly error?: string | undefined;
  readonly value: T;
  readonly onChange: (value: T) => void;
}

export interface TextProps extends Props<string> {
  readonly type?: HTMLInputTypeAttribute;
  readonly mono?: boolean;
  readonly placeholder?: string;
  readonly disabled?: boolean;
  /** The id of a list of suggestions. */
  readonly list?: string;
  readonly onLeave?: (() => void) | undefined;
}

export function TextField({ label, hint, path, errors, error, value, onChange, type = "text", mono = false, onLeave, ...rest }: TextProps): ReactNode {
  return (
    <Field label={label} hint={hint} error={errors.get(path) ?? error} path={path}>
      {(control) => (
        <input
          {...control}
          {...rest}
          type={type}
          className={mono ? "input mono" : "input"}
          value={value}
          onChange={(event) => onChange(event.target.value)}
          onBlur={onLeave}
          autoComplete={type === "password" ? "new-password" : "off"}
          spellCheck={!mono}
        />
      )}
    </Field>
  );
}

interface AreaProps extends Props<string> {
  readonly rows?: number;
  readonly mono?: boolean;
  readonly readOnly?: boolean;
}

export function AreaField({ label, hint, path, errors, error, value, onChange, rows = 3, mono = false, readOnly = false }: AreaProps): ReactNode {
  return (
    <Field label={label} hint={hint} error={errors.get(path) ?? error} path={path}>
      {(control) => (
        <textarea
          {...control}
          rows={rows}
          readOnly={readOnly}
          className={mono ? "input mono" : "input"}
          value={value}
          onChange={(event) => onChange(event.target.value)}
          spellCheck={false}
        />
      )}
    </Field>
  );
}

/** One address a line; commas and semicolons as people paste them. */
export function addressesOf(text: string): string[] {
  return text.split(/[\s,;]+/).filter(Boolean);
}

interface AddressesProps extends Props<readonly string[]> {
  readonly rows?: number;
  readonly readOnly?: boolean;
  readonly onLeave?: (() => void) | undefined;
}

export function AddressesField({ label, hint, path, errors, error, value, onChange, rows = 3, readOnly = false, onLeave }: AddressesProps): ReactNode {
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <Field label={label} hint={hint} error={errors.get(path) ?? error} path={path}>
      {(control) => (
        <textarea
          {...control}
          rows={rows}
          readOnly={readOnly}
          className="input mono"
          spellCheck={false}
          value={typed ?? value.join("\n")}
          onChange={(event) => {
            setTyped(event.target.value);
            onChange(addressesOf(event.target.value));
          }}
          onBlur={() => {
            setTyped(null);
            onLeave?.();
          }}
        />
      )}
    </Field>
  );
}

/** A number that is not negative. */
export function NumberField({ label, hint, path, errors, error, value, onChange, whole = true }: Props<number> & { readonly whole?: boolean }): ReactNode {
  const read = (text: string) => {
    const number = Math.max(0, Number(text) || 0);
    onChange(whole ? Math.trunc(number) : number);
  };
  return (
    <Field label={label} hint={hint} error={errors.get(path) ?? error} path={path}>
      {(control) => (
        <input {...control} type="number" min={0} step={whole ? 1 : "any"} className="input" value={value} onChange={(event) => read(event.target.value)} />
      )}
    </Field>
  );
}

/** A span such as `30s` or `5m`, held in seconds; 0 is shown empty. What is no span is kept on the screen alone. */
export function SecondsField({ label, hint, path, errors, error, value, onChange }: Props<number>): ReactNode {
  const [typed, setTyped] = useState<string | null>(null);
  const read = (text: string) => {
    setTyped(text);
    const seconds = text.trim() === "" ? 0 : secondsOf(text);
    if (seconds !== null) onChange(seconds);
  };
  return (
    <Field label={label} hint={hint} error={errors.get(path) ?? error} path={path}>
      {(control) => (
        <input
          {...control}
          className="input"
          value={typed ?? (value > 0 ? secondsText(value) : "")}
          onChange={(event) => read(event.target.value)}
          onBlur={() => setTyped(null)}
        />
      )}
    </Field>
  );
}

interface SelectProps<T extends string | number> extends Props<T> {
  readonly options: readonly T[];
  readonly word: (option: T) => string;
}

export function SelectField<T extends string | number>({ label, hint, path, errors, error, value, onChange, options, word }: SelectProps<T>): ReactNode {
  return (
    <Field label={label} hint={hint} error={errors.get(path) ?? error} path={path}>
      {(control) => (
        <select
          {...control}
          className="input"
          value={value}
          onChange={(event) => {
            const chosen = options.find((option) => String(option) === event.target.value);
            if (chosen !== undefined) onChange(chosen);
          }}
        >
          {options.map((option) => (
            <option key={option} value={option}>
              {word(option)}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
