// What narrows the list of events.

import { type ReactNode, useId } from "react";
import { useEventTypes } from "../../api/event-types";
import { CATEGORIES, SEVERITIES } from "../../api/words";
import * as en from "../../messages/en";
import type { EventsSearch } from "./search";

interface Props {
  readonly team: string;
  readonly search: EventsSearch;
  readonly onChange: (part: EventsSearch) => void;
}

export function Filters({ team, search, onChange }: Props): ReactNode {
  const id = useId();
  const { data: types = [] } = useEventTypes(team);
  const groups = [...new Set(types.map(({ name }) => `${name.split(".")[0]}.*`))];
  const put = (name: keyof EventsSearch) => (value: string) => onChange({ [name]: value === "" ? undefined : value } as EventsSearch);
  return (
    <>
      <Words label={en.events.text} value={search.text} onChange={put("text")} wide />
      <Words label={en.events.type} hint={en.events.typeHint} value={search.type} list={id} onChange={put("type")} />
      <datalist id={id}>
        {[...groups, ...types.map(({ name }) => name)].map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </datalist>
      <Words label={en.events.source} value={search.source} onChange={put("source")} />
      <Choose label={en.events.severity} any={en.events.anySeverity} words={SEVERITIES} names={en.severities} value={search.severity} onChange={put("severity")} />
      <Choose label={en.catalog.category} any={en.events.anyCategory} words={CATEGORIES} names={en.categories} value={search.category} onChange={put("category")} />
    </>
  );
}

interface WordsProps {
  readonly label: string;
  readonly hint?: string;
  readonly value: string | undefined;
  readonly list?: string;
  readonly wide?: boolean;
  readonly onChange: (value: string) => void;
}

/** Taken over by Enter, and when it is left. */
function Words({ label, hint = label, value = "", list, wide = false, onChange }: WordsProps): ReactNode {
  const take = (typed: string) => {
    if (typed.trim() !== value) onChange(typed.trim());
  };
  return (
    <input
      key={value}
      type="search"
      className={`input ${wide ? "!w-[260px]" : "!w-[210px]"} flex-none`}
      list={list}
      aria-label={label}
      placeholder={hint}
      defaultValue={value}
      spellCheck={false}
      maxLength={200}
      onKeyDown={(event) => {
        if (event.key === "Enter") take(event.currentTarget.value);
      }}
      onBlur={(event) => take(event.target.value)}
    />
  );
}

interface ChooseProps<W extends string> {
  readonly label: string;
  readonly any: string;
  readonly words: readonly W[];
  readonly names: Readonly<Record<W, string>>;
  readonly value: W | undefined;
  readonly onChange: (value: string) => void;
}

function Choose<W extends string>({ label, any, words, names, value, onChange }: ChooseProps<W>): ReactNode {
  return (
    <select className="input !w-auto flex-none" aria-label={label} value={value ?? ""} onChange={(event) => onChange(event.target.value)}>
      <option value="">{any}</option>
      {words.map((word) => (
        <option key={word} value={word}>
          {names[word]}
        </option>
      ))}
    </select>
  );
}
