// The controls of a channel's form, each by its path of the contract.

import { Plus, X } from "lucide-react";
import type { ReactNode } from "react";
import { type Channel, SmtpSecurity, WebhookEnvelope } from "../../api/gen/watchbell/config/v1/channel_pb";
import type { KindWord } from "../../api/words";
import { type HeaderValue, type Path, PRESETS, type SmtpValue, type Values } from "../../domain/channel";
import * as en from "../../messages/en";
import { FieldGroup } from "../../parts/field";
import { plain } from "../../parts/format";
import { AddressesField, AreaField, NumberField, SelectField, TextField, type TextProps } from "../../parts/inputs";
import { Toggle } from "../../parts/toggle";
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
  "webhook.preset",
  "webhook.body",
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
      <TextField
        label={en.fields.display_name}
        path="display_name"
        errors={errors}
        value={values.display_name}
        placeholder={en.form.namePlaceholder}
        onChange={(name) => set("display_name", name)}
      />
      <AreaField
        label={`${en.fields.description} (${en.form.optional})`}
        hint={en.form.descriptionHint}
        path="description"
        errors={errors}
        rows={2}
        value={values.description}
        onChange={(description) => set("description", description)}
      />
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
    <TextField
      label={en.fields[path]}
      hint={masked ? en.form.kept(plain(masked)) : hint}
      path={path}
      errors={errors}
      type="url"
      mono
      placeholder={masked || placeholder}
      value={values[path]}
      onChange={(address) => set(path, address)}
      onLeave={onLeave}
    />
  );
}

function WebhookFields(props: FormProps): ReactNode {
  const { values, set, errors, channel } = props;
  const key = channel?.destination.case === "webhook" ? channel.destination.value.ed25519PublicKey : "";
  return (
    <>
      <AddressField {...props} path="webhook.url" hint={en.form.urlHint} placeholder="https://siem.example.com/hook" />
      {channel ? null : (
        <TextField
          label={`${en.fields["webhook.signing_secret"]} (${en.form.optional})`}
          hint={en.form.secretHint}
          path="webhook.signing_secret"
          errors={errors}
          type="password"
          mono
          value={values["webhook.signing_secret"]}
          onChange={(secret) => set("webhook.signing_secret", secret)}
        />
      )}
      <HeaderFields headers={values["webhook.headers"]} error={errors.get("webhook.headers")} onChange={(next) => set("webhook.headers", next)} />
      <BodyFields {...props} />
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

/** A preset, a body of one's own, or an envelope: one at a time. */
function BodyFields({ values, set, errors }: FormProps): ReactNode {
  const preset = values["webhook.preset"];
  const body = values["webhook.body"];
  return (
    <>
      <SelectField
        label={en.fields["webhook.preset"]}
        path="webhook.preset"
        errors={errors}
        options={["", ...PRESETS]}
        word={(one) => en.form.presets[one] ?? one}
        value={preset}
        onChange={(one) => {
          set("webhook.preset", one);
          if (one !== "") set("webhook.body", "");
        }}
      />
      {preset === "" ? (
        <AreaField
          label={`${en.fields["webhook.body"]} (${en.form.optional})`}
          hint={en.form.bodyHint}
          path="webhook.body"
          errors={errors}
          mono
          value={body}
          onChange={(text) => set("webhook.body", text)}
        />
      ) : null}
      {preset === "" && body === "" ? (
        <SelectField
          label={en.fields["webhook.envelope"]}
          path="webhook.envelope"
          errors={errors}
          options={[WebhookEnvelope.STANDARD, WebhookEnvelope.CLOUD_EVENTS]}
          word={(envelope) => en.form.envelopes[envelope] ?? en.unknown(envelope)}
          value={values["webhook.envelope"]}
          onChange={(envelope) => set("webhook.envelope", envelope)}
        />
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

function EmailFields({ team, values, set, errors, channel, onLeave }: FormProps): ReactNode {
  const smtp = values["email.smtp"];
  const kept = channel?.destination.case === "email" && channel.destination.value.smtp?.hasPassword === true;
  const put = (part: Partial<SmtpValue>) => smtp && set("email.smtp", { ...smtp, ...part });
  const text = (name: "host" | "username" | "password" | "from_address", label: string, more: Partial<TextProps> = {}) => (
    <TextField
      label={label}
      path={`email.smtp.${name}`}
      errors={errors}
      value={smtp?.[name] ?? ""}
      onChange={(value) => put({ [name]: value })}
      {...more}
    />
  );
  return (
    <>
      <AddressesField
        label={en.fields["email.recipients"]}
        hint={en.form.recipientsHint}
        path="email.recipients"
        errors={errors}
        value={values["email.recipients"]}
        onChange={(recipients) => set("email.recipients", recipients)}
        onLeave={onLeave}
      />
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
          {text("host", en.form.host, { mono: true, error: errors.get("email.smtp") })}
          <NumberField label={en.form.port} path="email.smtp.port" errors={errors} value={smtp.port} onChange={(port) => put({ port })} />
          {text("username", en.form.username)}
          {text("password", en.form.password, { type: "password", hint: kept ? en.form.passwordKept : undefined })}
          {text("from_address", en.form.from)}
          <SelectField
            label={en.form.security}
            path="email.smtp.security"
            errors={errors}
            options={[SmtpSecurity.STARTTLS, SmtpSecurity.OPTIONAL_STARTTLS, SmtpSecurity.TLS, SmtpSecurity.NONE]}
            word={(one) => en.form.securities[one] ?? en.unknown(one)}
            value={smtp.security || SmtpSecurity.STARTTLS}
            onChange={(security) => put({ security })}
          />
        </div>
      ) : null}
    </>
  );
}
