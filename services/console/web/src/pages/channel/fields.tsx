// The controls of a channel's form, each by its path of the contract.

import { Plus, X } from "lucide-react";
import { type ReactNode, useId, useState } from "react";
import { type Channel, SmtpSecurity, WebhookEnvelope } from "../../api/gen/watchbell/config/v1/channel_pb";
import { CATEGORIES, type KindWord, SEVERITIES, categoryOf, categoryWord, severityOf, severityWord } from "../../api/words";
import { type FilterValue, type HeaderValue, type Path, type SmtpValue, type Values, patternMatches } from "../../domain/channel";
import { en } from "../../messages/en";
import { Field, FieldGroup } from "../../parts/field";
import { plain } from "../../parts/format";
import { useEventTypes } from "../../parts/send-test";
import { Choice, Toggle } from "../../parts/toggle";
import { Unconfirmed } from "./unconfirmed";

export interface FormProps {
  readonly team: string;
  readonly values: Values;
  readonly set: <P extends Path>(path: P, value: Values[P]) => void;
  readonly errors: ReadonlyMap<string, string>;
  /** As it is kept; absent while one is made. */
  readonly channel?: Channel | undefined;
  /** A field was left: time to have it checked. */
  readonly onLeave?: () => void;
}

/** Every control that violations may be put on, the narrow ones too. */
export const CONTROLS: readonly string[] = [
  "display_name",
  "description",
  "slack.webhook_url",
  "teams.webhook_url",
  "webhook.url",
  "webhook.signing_secret",
  "webhook.filter.types",
  "webhook.filter.sources",
  "webhook.filter.expression",
  "webhook.filter",
  "webhook.headers",
  "webhook.envelope",
  "webhook.sign_ed25519",
  "email.recipients",
  "email.smtp.host",
  "email.smtp.port",
  "email.smtp.username",
  "email.smtp.password",
  "email.smtp.from_address",
  "email.smtp.security",
  "email.smtp",
  "triggers.types",
  "triggers.sources",
  "triggers.expression",
  "triggers",
  "quiet_hours.time_zone",
  "quiet_hours.windows",
  "quiet_hours.passing_severities",
  "quiet_hours",
  "storm_control.max_messages",
  "storm_control.window",
  "storm_control",
  "delivery.retry_delays",
  "delivery.max_concurrency",
  "delivery.max_per_second",
  "delivery.timeout",
];

export function NameFields({ values, set, errors }: FormProps): ReactNode {
  return (
    <>
      <Field label={en.fields.display_name} error={errors.get("display_name")} path="display_name">
        {(control) => (
          <input
            {...control}
            className="input"
            value={values.display_name}
            placeholder={en.form.namePlaceholder}
            autoComplete="off"
            onChange={(event) => set("display_name", event.target.value)}
          />
        )}
      </Field>
      <Field
        label={`${en.fields.description} (${en.form.optional})`}
        hint={en.form.descriptionHint}
        error={errors.get("description")}
        path="description"
      >
        {(control) => (
          <textarea {...control} className="input" rows={2} value={values.description} onChange={(event) => set("description", event.target.value)} />
        )}
      </Field>
    </>
  );
}

export function DestinationFields(props: FormProps & { kind: KindWord }): ReactNode {
  switch (props.kind) {
    case "slack":
      return <AddressField {...props} path="slack.webhook_url" hint={en.form.slackHint} placeholder="https://hooks.slack.com/services/…" />;
    case "teams":
      return <AddressField {...props} path="teams.webhook_url" hint={en.form.teamsHint} placeholder="https://…" />;
    case "email":
      return <EmailFields {...props} />;
    case "webhook":
      return <WebhookFields {...props} />;
    default:
      return null;
  }
}

function maskedAddress(channel: Channel | undefined): string {
  const destination = channel?.destination;
  switch (destination?.case) {
    case "slack":
    case "teams":
      return destination.value.maskedWebhookUrl;
    case "webhook":
      return destination.value.maskedUrl;
    default:
      return "";
  }
}

interface AddressProps extends FormProps {
  readonly path: "slack.webhook_url" | "teams.webhook_url" | "webhook.url";
  readonly hint: string;
  readonly placeholder: string;
}

function AddressField({ values, set, errors, channel, path, hint, placeholder, onLeave }: AddressProps): ReactNode {
  const masked = maskedAddress(channel);
  return (
    <Field label={en.fields[path]} hint={masked ? en.form.kept(plain(masked)) : hint} error={errors.get(path)} path={path}>
      {(control) => (
        <input
          {...control}
          type="url"
          className="input mono"
          value={values[path]}
          placeholder={masked || placeholder}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => set(path, event.target.value)}
          onBlur={onLeave}
        />
      )}
    </Field>
  );
}

function WebhookFields(props: FormProps): ReactNode {
  const { values, set, errors, channel } = props;
  const key = channel?.destination.case === "webhook" ? channel.destination.value.ed25519PublicKey : "";
  return (
    <>
      <AddressField {...props} path="webhook.url" hint={en.form.urlHint} placeholder="https://siem.example.com/hook" />
      {channel ? null : (
        <Field
          label={`${en.fields["webhook.signing_secret"]} (${en.form.optional})`}
          hint={en.form.secretHint}
          error={errors.get("webhook.signing_secret")}
          path="webhook.signing_secret"
        >
          {(control) => (
            <input
              {...control}
              type="password"
              className="input mono"
              value={values["webhook.signing_secret"]}
              autoComplete="new-password"
              onChange={(event) => set("webhook.signing_secret", event.target.value)}
            />
          )}
        </Field>
      )}
      <HeaderFields headers={values["webhook.headers"]} error={errors.get("webhook.headers")} onChange={(next) => set("webhook.headers", next)} />
      <Field label={en.fields["webhook.envelope"]} error={errors.get("webhook.envelope")} path="webhook.envelope">
        {(control) => (
          <select
            {...control}
            className="input"
            value={values["webhook.envelope"]}
            onChange={(event) => set("webhook.envelope", Number(event.target.value) as WebhookEnvelope)}
          >
            {[WebhookEnvelope.STANDARD, WebhookEnvelope.CLOUD_EVENTS].map((envelope) => (
              <option key={envelope} value={envelope}>
                {en.form.envelopes[envelope]}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Toggle
        label={en.fields["webhook.sign_ed25519"]}
        hint={en.form.ed25519Hint}
        checked={values["webhook.sign_ed25519"]}
        onChange={(checked) => set("webhook.sign_ed25519", checked)}
      />
      {key ? (
        <p className="field-hint">
          {en.form.publicKey}: <span className="mono wrap-anywhere text-ink">{key}</span>
        </p>
      ) : null}
    </>
  );
}

interface HeaderProps {
  readonly headers: readonly HeaderValue[];
  readonly error: string | undefined;
  readonly onChange: (next: readonly HeaderValue[]) => void;
}

function HeaderFields({ headers, error, onChange }: HeaderProps): ReactNode {
  const put = (index: number, part: Partial<HeaderValue>) =>
    onChange(headers.map((header, at) => (at === index ? { ...header, ...part } : header)));
  return (
    <FieldGroup label={`${en.fields["webhook.headers"]} (${en.form.optional})`} hint={en.form.headersHint} error={error} path="webhook.headers">
      {headers.map((header, index) => (
        // A header has no name of its own while it is typed.
        // oxlint-disable-next-line react/no-array-index-key
        <div key={index} className="flex gap-2">
          <input
            className="input mono"
            aria-label={`${en.form.headerName} ${index + 1}`}
            placeholder="X-Token"
            value={header.name}
            spellCheck={false}
            onChange={(event) => put(index, { name: event.target.value })}
          />
          <input
            className="input mono"
            type="password"
            autoComplete="new-password"
            aria-label={`${en.form.headerValue} ${index + 1}`}
            value={header.value}
            onChange={(event) => put(index, { value: event.target.value })}
          />
          <button
            type="button"
            className="btn btn-icon"
            aria-label={`${en.form.remove} ${header.name || index + 1}`}
            onClick={() => onChange(headers.filter((_, at) => at !== index))}
          >
            <X aria-hidden="true" />
          </button>
        </div>
      ))}
      <div>
        <button type="button" className="btn btn-small" onClick={() => onChange([...headers, { name: "", value: "" }])}>
          <Plus aria-hidden="true" />
          {en.form.addHeader}
        </button>
      </div>
    </FieldGroup>
  );
}

/** One address a line; commas and semicolons as people paste them. */
export function addressesOf(text: string): string[] {
  return text.split(/[\s,;]+/).filter(Boolean);
}

function EmailFields({ team, values, set, errors, channel, onLeave }: FormProps): ReactNode {
  const [text, setText] = useState<string | null>(null);
  const smtp = values["email.smtp"];
  const kept = channel?.destination.case === "email" && channel.destination.value.smtp?.hasPassword === true;
  const put = (part: Partial<SmtpValue>) => smtp && set("email.smtp", { ...smtp, ...part });
  return (
    <>
      <Field
        label={en.fields["email.recipients"]}
        hint={en.form.recipientsHint}
        error={errors.get("email.recipients")}
        path="email.recipients"
      >
        {(control) => (
          <textarea
            {...control}
            className="input mono"
            rows={3}
            spellCheck={false}
            value={text ?? values["email.recipients"].join("\n")}
            onChange={(event) => {
              setText(event.target.value);
              set("email.recipients", addressesOf(event.target.value));
            }}
            onBlur={() => {
              setText(null);
              onLeave?.();
            }}
          />
        )}
      </Field>
      {channel?.destination.case === "email" ? (
        <Unconfirmed team={team} recipients={channel.destination.value.unconfirmedRecipients} />
      ) : null}
      <Toggle
        label={en.form.smtpOwn}
        hint={en.form.smtpOwnHint}
        checked={smtp !== null}
        onChange={(on) =>
          set(
            "email.smtp",
            on ? { host: "", port: 587, username: "", password: "", from_address: "", security: SmtpSecurity.STARTTLS } : null,
          )
        }
      />
      {smtp ? (
        <div className="grid gap-3 md:grid-cols-2">
          <Field label={en.form.host} error={errors.get("email.smtp.host") ?? errors.get("email.smtp")} path="email.smtp.host">
            {(control) => <input {...control} className="input mono" value={smtp.host} onChange={(event) => put({ host: event.target.value })} />}
          </Field>
          <Field label={en.form.port} error={errors.get("email.smtp.port")} path="email.smtp.port">
            {(control) => (
              <input
                {...control}
                className="input"
                type="number"
                min={0}
                max={65535}
                value={smtp.port}
                onChange={(event) => put({ port: Math.max(0, Math.trunc(Number(event.target.value) || 0)) })}
              />
            )}
          </Field>
          <Field label={en.form.username} error={errors.get("email.smtp.username")} path="email.smtp.username">
            {(control) => (
              <input {...control} className="input" autoComplete="off" value={smtp.username} onChange={(event) => put({ username: event.target.value })} />
            )}
          </Field>
          <Field
            label={en.form.password}
            hint={kept ? en.form.passwordKept : undefined}
            error={errors.get("email.smtp.password")}
            path="email.smtp.password"
          >
            {(control) => (
              <input
                {...control}
                className="input"
                type="password"
                autoComplete="new-password"
                value={smtp.password}
                onChange={(event) => put({ password: event.target.value })}
              />
            )}
          </Field>
          <Field label={en.form.from} error={errors.get("email.smtp.from_address")} path="email.smtp.from_address">
            {(control) => (
              <input {...control} className="input" value={smtp.from_address} onChange={(event) => put({ from_address: event.target.value })} />
            )}
          </Field>
          <Field label={en.form.security} error={errors.get("email.smtp.security")} path="email.smtp.security">
            {(control) => (
              <select
                {...control}
                className="input"
                value={smtp.security || SmtpSecurity.STARTTLS}
                onChange={(event) => put({ security: Number(event.target.value) as SmtpSecurity })}
              >
                {[SmtpSecurity.STARTTLS, SmtpSecurity.OPTIONAL_STARTTLS, SmtpSecurity.TLS, SmtpSecurity.NONE].map((one) => (
                  <option key={one} value={one}>
                    {en.form.securities[one]}
                  </option>
                ))}
              </select>
            )}
          </Field>
        </div>
      ) : null}
    </>
  );
}

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

/** What was refused and has no control here, and a way to the first that has. */
export function ErrorSummary({ errors, rest }: { errors: ReadonlyMap<string, string>; rest: readonly { path: string; text: string }[] }): ReactNode {
  if (errors.size === 0 && rest.length === 0) return null;
  return (
    <div className="card card-warn" role="alert">
      <b>{en.channel.summary}</b>
      <ul className="mt-1 grid gap-1">
        {[...errors].map(([path, text]) => (
          <li key={path}>
            <button
              type="button"
              className="link text-start"
              onClick={() => {
                const field = document.querySelector(`[data-path="${CSS.escape(path)}"]`);
                field?.scrollIntoView({ block: "center" });
                field?.querySelector<HTMLElement>("input, textarea, select, button")?.focus();
              }}
            >
              {nameOf(path)}
            </button>
            : {text}
          </li>
        ))}
        {rest.map(({ path, text }) => (
          <li key={`${path} ${text}`}>
            {path ? <span className="mono">{path}: </span> : null}
            {text}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** What people call the field of a path. */
export function nameOf(path: string): string {
  const names: Record<string, string> = en.fields;
  const own = Object.keys(names)
    .filter((known) => path === known || path.startsWith(`${known}.`))
    .toSorted((a, b) => b.length - a.length)[0];
  return own === undefined ? path : (names[own] ?? path);
}
