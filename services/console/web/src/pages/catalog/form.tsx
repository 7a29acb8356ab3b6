// A type of the team's own.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { JsonObject } from "@bufbuild/protobuf";
import { type ReactNode, useState } from "react";
import { useServices } from "../../api/services";
import { problemOf } from "../../api/errors";
import { AlertWhen, type EventType } from "../../api/gen/watchbell/config/v1/event_type_pb";
import { CATEGORIES, SEVERITIES, type CategoryWord, type SeverityWord, categoryOf, categoryWord, severityOf, severityWord } from "../../api/words";
import * as en from "../../messages/en";
import { Meanwhile, useDraft } from "../../parts/draft";
import { NO_ERRORS, placed } from "../../parts/errors";
import { FieldGroup } from "../../parts/field";
import { FormDialog } from "../../parts/form-dialog";
import { AreaField, SelectField, TextField } from "../../parts/inputs";
import { done } from "../../parts/toast";
import { Choice } from "../../parts/toggle";

interface Values {
  readonly name: string;
  readonly description: string;
  readonly title: string;
  readonly category: CategoryWord;
  readonly default_severity: SeverityWord;
  readonly alerts: AlertWhen;
  readonly severities: readonly SeverityWord[];
  readonly topic: string;
  readonly data_schema: string;
  readonly example: string;
}

const CONTROLS = ["name", "description", "title", "category", "default_severity", "alert_policy", "topic", "data_schema", "example"];
const WHEN = [AlertWhen.NEVER, AlertWhen.ALWAYS, AlertWhen.SEVERITIES] as const;

function valuesOf(type: EventType | undefined): Values {
  return {
    name: type?.name ?? "",
    description: type?.description ?? "",
    title: type?.title ?? "",
    category: (type && categoryWord(type.category)) ?? "system-notification",
    default_severity: (type && severityWord(type.defaultSeverity)) ?? "info",
    alerts: type?.alertPolicy?.when || AlertWhen.NEVER,
    severities: type?.alertPolicy?.severities.flatMap((one) => severityWord(one) ?? []) ?? [],
    topic: type?.topic ?? "",
    data_schema: type?.dataSchema ? JSON.stringify(type.dataSchema, null, 2) : "",
    example: type?.example ? JSON.stringify(type.example, null, 2) : "",
  };
}

/** Null for what is no object. */
function objectOf(text: string): JsonObject | null | undefined {
  if (text.trim() === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
  } catch {
    return null;
  }
}

interface Props {
  readonly team: string;
  /** The type to change; absent for a new one. */
  readonly type?: EventType | undefined;
  readonly onClose: () => void;
  readonly onSaved: (name: string) => Promise<unknown>;
}

export function TypeForm({ team, type, onClose, onSaved }: Props): ReactNode {
  const services = useServices();
  const cache = useQueryClient();
  const form = useDraft(type?.etag ?? "", () => valuesOf(type));
  const { values, put } = form;
  const [errors, setErrors] = useState(NO_ERRORS);
  const send = async () => {
    const [dataSchema, example] = [objectOf(values.data_schema), objectOf(values.example)];
    const eventType = {
      name: values.name.trim(),
      description: values.description.trim(),
      title: values.title.trim(),
      category: categoryOf(values.category),
      defaultSeverity: severityOf(values.default_severity),
      alertPolicy: { when: values.alerts, severities: values.alerts === AlertWhen.SEVERITIES ? values.severities.map(severityOf) : [] },
      topic: values.topic.trim(),
      ...(dataSchema ? { dataSchema } : {}),
      ...(example ? { example } : {}),
    };
    if (!type) return services.catalog.createEventType({ teamId: team, eventType });
    const paths = CONTROLS.filter((name) => name !== "name");
    return services.catalog.updateEventType({ teamId: team, eventType: { ...eventType, etag: type.etag }, updateMask: { paths } });
  };
  const save = useMutation({
    mutationFn: send,
    onSuccess: async ({ eventType }) => {
      done(en.catalog.saved(values.name));
      await onSaved(eventType?.name ?? values.name);
    },
    onError: async (error) => {
      if (problemOf(error).reason === "STALE_ETAG") {
        setErrors({ fields: new Map(), rest: [{ path: "", text: en.catalog.stale }] });
        await cache.invalidateQueries({ queryKey: ["event-types", team] });
      } else setErrors(placed(error, "event_type", CONTROLS));
    },
  });
  const submit = () => {
    const wrong = (["data_schema", "example"] as const).filter((name) => objectOf(values[name]) === null);
    if (wrong.length > 0) setErrors({ fields: new Map(wrong.map((name) => [name, en.playground.notJson])), rest: [] });
    else save.mutate();
  };
  const line = (name: "description" | "title" | "topic", label: string, hint: string) => (
    <TextField label={label} hint={hint} path={name} errors={errors.fields} value={values[name]} onChange={(text) => put({ [name]: text })} />
  );
  const json = (name: "data_schema" | "example", label: string, hint: string) => (
    <AreaField label={label} hint={hint} path={name} errors={errors.fields} rows={6} mono value={values[name]} onChange={(text) => put({ [name]: text })} />
  );
  return (
    <FormDialog title={type ? en.catalog.edit : en.catalog.add} wide firm={form.dirty.length > 0} disabled={form.conflicts.length > 0} errors={errors} busy={save.isPending} onSubmit={submit} onClose={onClose}>
      <Meanwhile form={form} nameOf={(path) => en.catalog.fields[path]} />
      <TextField
        label={en.catalog.name}
        hint={en.catalog.nameHint}
        path="name"
        errors={errors.fields}
        mono
        disabled={type !== undefined}
        value={values.name}
        onChange={(name) => put({ name })}
      />
      {line("description", en.fields.description, en.catalog.descriptionHint)}
      {line("title", en.catalog.titleField, en.catalog.titleHint)}
      <div className="grid gap-4 md:grid-cols-2">
        <SelectField
          label={en.catalog.category}
          path="category"
          errors={errors.fields}
          options={CATEGORIES}
          word={(one) => en.categories[one]}
          value={values.category}
          onChange={(category) => put({ category })}
        />
        <SelectField
          label={en.catalog.severity}
          path="default_severity"
          errors={errors.fields}
          options={SEVERITIES}
          word={(one) => en.severities[one]}
          value={values.default_severity}
          onChange={(default_severity) => put({ default_severity })}
        />
      </div>
      <FieldGroup label={en.catalog.alerts} hint={en.catalog.alertsHint} error={errors.fields.get("alert_policy")} path="alert_policy">
        <div className="seg justify-self-start" role="group" aria-label={en.catalog.alerts}>
          {WHEN.map((one) => (
            <button key={one} type="button" aria-pressed={values.alerts === one} onClick={() => put({ alerts: one })}>
              {en.catalog.when[one]}
            </button>
          ))}
        </div>
        {values.alerts === AlertWhen.SEVERITIES ? (
          <Choice
            label={en.form.severities}
            options={SEVERITIES}
            chosen={values.severities}
            word={(one) => en.severities[one]}
            onChange={(severities) => put({ severities })}
          />
        ) : null}
      </FieldGroup>
      {line("topic", en.catalog.topic, en.catalog.topicHint)}
      {json("data_schema", en.catalog.schema, en.catalog.schemaHint)}
      {json("example", en.catalog.example, en.catalog.exampleHint)}
    </FormDialog>
  );
}
