// What an event looks like as a message: asked of the server, whose senders render it.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { ChannelNames } from "../api/channels";
import { useApp, useSession } from "../api/context";
import { problemOf } from "../api/errors";
import type { RenderPreviewRequestSchema, WebhookPreview } from "../api/gen/watchbell/dispatcher/v1/dispatcher_service_pb";
import { kindOf, kindWord } from "../api/words";
import { indented } from "../domain/json";
import * as en from "../messages/en";
import { CopyButton } from "./copy";
import { Sheet } from "./dialog";
import { plain } from "./format";
import { SelectField } from "./inputs";
import { MailView } from "./mail-view";

type Request = MessageInitShape<typeof RenderPreviewRequestSchema>;

/** Either an event that was accepted, or one that was not emitted. */
export type Previewed = Pick<Request, "eventId" | "event">;

interface Props {
  readonly team: string;
  /** Either a channel or a kind. */
  readonly to: Pick<Request, "channelId" | "kind">;
  readonly of: Previewed;
}

export function MessagePreview({ team, to, of }: Props): ReactNode {
  const { clients } = useApp();
  const { epoch } = useSession();
  const { data, error } = useQuery({
    queryKey: ["preview", team, epoch, to, of],
    queryFn: async ({ signal }) => (await clients.dispatcher.renderPreview({ teamId: team, ...to, ...of }, { signal })).message,
    placeholderData: keepPreviousData,
    staleTime: 0,
  });
  const problem = error ? problemOf(error) : null;
  return (
    <section aria-label={en.preview.title} className="grid min-w-0 gap-2">
      {problem ? (
        <p className="field-error" role="alert">
          {problem.violations.map(({ text }) => text).join("; ") || problem.text}
        </p>
      ) : null}
      {!data && !problem ? <p role="status">{en.loading}</p> : null}
      {data?.case === "slackJson" || data?.case === "teamsJson" ? <Json name={en.preview.json[data.case]} text={data.value} /> : null}
      {data?.case === "email" ? <MailView email={data.value} /> : null}
      {data?.case === "webhook" ? <Webhook request={data.value} /> : null}
    </section>
  );
}

function Json({ name, text }: { name: string; text: string }): ReactNode {
  return (
    <>
      <div className="flex items-center gap-2">
        <h2>{name}</h2>
        <CopyButton text={text} className="btn btn-small btn-quiet ms-auto" />
      </div>
      <pre className="code" tabIndex={0} aria-label={name}>
        {plain(indented(text))}
      </pre>
    </>
  );
}

function Webhook({ request }: { request: WebhookPreview }): ReactNode {
  return (
    <>
      <h2>{en.drawer.headers}</h2>
      <dl className="facts">
        {request.headers.map(({ name, value }) => (
          <div key={`${name} ${value}`} className="contents">
            <dt className="mono wrap-anywhere">{name}</dt>
            <dd className="mono wrap-anywhere">{plain(value)}</dd>
          </div>
        ))}
      </dl>
      <p className="text-sm text-muted">
        {en.preview.signed} <code className="mono wrap-anywhere">{request.signingSecret}</code>
      </p>
      <Json name={en.preview.body} text={request.body} />
    </>
  );
}

interface DialogProps {
  readonly team: string;
  readonly names: ChannelNames;
  readonly of: Previewed;
  readonly onClose: () => void;
}

/** An event as the message to any channel, or as the email to people. */
export function PreviewDialog({ team, names, of, onClose }: DialogProps): ReactNode {
  const channels = names.all.filter(({ destination }) => destination.case !== "inApp");
  const [to, setTo] = useState(channels[0]?.id ?? "");
  return (
    <Sheet open wide onClose={onClose} title={en.preview.title} description={en.preview.text}>
      <div className="grid min-w-0 gap-3">
        <SelectField
          label={en.preview.to}
          path="channel_id"
          errors={new Map()}
          options={[...channels.map(({ id }) => id), ""]}
          word={(id) => {
            const channel = names.get(id);
            return channel ? `${plain(channel.displayName)} · ${en.kinds[kindWord(channel.kind) ?? "webhook"]}` : en.preview.people;
          }}
          value={to}
          onChange={setTo}
        />
        <MessagePreview team={team} to={to === "" ? { kind: kindOf("email") } : { channelId: to }} of={of} />
      </div>
      <div className="dialog-foot">
        <button type="button" className="btn" onClick={onClose}>
          {en.close}
        </button>
      </div>
    </Sheet>
  );
}
