// Which events: the filter of webhooks, triggers and rules.

import { useEventTypes } from "../api/event-types";
import { Plus, X } from "lucide-react";
import { type ReactNode, useId, useState } from "react";
import { CATEGORIES, SEVERITIES, categoryOf, categoryWord, severityOf, severityWord } from "../api/words";
import type { FilterValue } from "../domain/channel";
import { patternMatches } from "../domain/pattern";
import * as en from "../messages/en";
import { Field, FieldGroup } from "./field";
import { plain } from "./format";
import { Choice } from "./toggle";

interface FilterProps {
  readonly team: string;
  /** `webhook.filter` or `triggers`. */
  readonly path: string;
  readonly filter: FilterValue;
  readonly errors: ReadonlyMap<string, string>;
  readonly onChange: (next: FilterValue) => void;
  readonly onLeave?: (() => void) | undefined;
}

export function FilterFields({ team, path, filter, errors, onChange, onLeave }: FilterProps): ReactNode {
  const id = useId();
  const { data: types = [] } = useEventTypes(team);
  const [adding, setAdding] = useState("");
  const [sources, setSources] = useState<string | null>(null);
  const known = types.map(({ name }) => name);
  const groups = [...new Set(known.map((name) => `${name.split(".")[0]}.*`))];
  const put = (part: Partial<FilterValue>) => onChange({ ...filter, ...part });
  const add = () => {
    const pattern = adding.trim();
    if (pattern !== "" && !filter.types.includes(pattern)) put({ types: [...filter.types, pattern] });
    setAdding("");
  };
  return (
    <div className="grid gap-3">
      <FieldGroup
        label={en.form.types}
        hint={en.form.typesHint}
        error={errors.get(`${path}.types`) ?? errors.get(path)}
        path={`${path}.types`}
      >
        <ul className="flex flex-wrap gap-1.5">
          {filter.types.map((pattern) => {
            const count = known.filter((name) => patternMatches(pattern, name)).length;
            return (
              <li key={pattern} className="tag">
                <span className="mono">{plain(pattern)}</span>
                {known.length > 0 ? (
                  <span className={count === 0 ? "text-parked" : "text-muted"}>
                    {count === 0 ? en.form.matchesNone : pattern === known.find((name) => name === pattern) ? "" : en.form.matches(count)}
                  </span>
                ) : null}
                <button
                  type="button"
                  className="grid min-h-6 min-w-6 place-items-center"
                  aria-label={`${en.form.remove} ${pattern}`}
                  onClick={() => put({ types: filter.types.filter((other) => other !== pattern) })}
                >
                  <X size={12} aria-hidden="true" />
                </button>
              </li>
            );
          })}
        </ul>
        <div className="flex gap-2">
          <input
            className="input mono"
            list={`${id}-types`}
            aria-label={en.form.addType}
            placeholder={en.form.addType}
            value={adding}
            spellCheck={false}
            onChange={(event) => setAdding(event.target.value)}
            onKeyDown={(event) => {
              if (event.key !== "Enter") return;
              event.preventDefault();
              add();
            }}
            onBlur={add}
          />
          <datalist id={`${id}-types`}>
            {["*", ...groups, ...known].map((pattern) => (
              <option key={pattern} value={pattern}>
                {pattern}
              </option>
            ))}
          </datalist>
          <button type="button" className="btn" onClick={add}>
            <Plus aria-hidden="true" />
            <span className="sr-only">{en.form.addType}</span>
          </button>
        </div>
      </FieldGroup>
      <FieldGroup label={en.form.severities} hint={en.form.anyOf}>
        <Choice
          label={en.form.severities}
          options={SEVERITIES}
          chosen={filter.severities.flatMap((one) => severityWord(one) ?? [])}
          word={(one) => en.severities[one]}
          onChange={(chosen) => put({ severities: chosen.map(severityOf) })}
        />
      </FieldGroup>
      <FieldGroup label={en.form.categories} hint={en.form.anyOf}>
        <Choice
          label={en.form.categories}
          options={CATEGORIES}
          chosen={filter.categories.flatMap((one) => categoryWord(one) ?? [])}
          word={(one) => en.categories[one]}
          onChange={(chosen) => put({ categories: chosen.map(categoryOf) })}
        />
      </FieldGroup>
      <Field label={en.form.sources} hint={en.form.sourcesHint} error={errors.get(`${path}.sources`)} path={`${path}.sources`}>
        {(control) => (
          <input
            {...control}
            className="input"
            value={sources ?? filter.sources.join(", ")}
            onChange={(event) => {
              setSources(event.target.value);
              put({ sources: event.target.value.split(",").map((one) => one.trim()).filter(Boolean) });
            }}
            onBlur={() => setSources(null)}
          />
        )}
      </Field>
      <Field label={en.form.expression} hint={en.form.expressionHint} error={errors.get(`${path}.expression`)} path={`${path}.expression`}>
        {(control) => (
          <textarea
            {...control}
            className="input mono"
            rows={2}
            spellCheck={false}
            value={filter.expression}
            onChange={(event) => put({ expression: event.target.value })}
            onBlur={onLeave}
          />
        )}
      </Field>
    </div>
  );
}
