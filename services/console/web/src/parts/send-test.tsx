// A test to a channel, and what came of it.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useId, useState } from "react";
import type { ChannelNames } from "../api/channels";
import { useApp } from "../api/context";
import { problemOf } from "../api/errors";
import { USUAL_TYPE, useEventTypes } from "../api/event-types";
import type { EventSchema } from "../api/gen/watchbell/event/v1/event_pb";
import { span } from "../api/times";
import { kindWord } from "../api/words";
import { succeeded } from "../domain/waterfall";
import * as en from "../messages/en";
import { Sheet } from "./dialog";
import { duration, plain } from "./format";
import { StatePill } from "./pill";

interface Props {
  readonly team: string;
  readonly names: ChannelNames;
  /** The channel to begin with; empty for the first. */
  readonly channelId: string;
  /** What is sent; the example of a type when left out. */
  readonly event?: MessageInitShape<typeof EventSchema>;
  readonly onClose: () => void;
}

export function SendTest({ team, names, channelId, event, onClose }: Props): ReactNode {
  const { clients } = useApp();
  const id = useId();
  const able = names.all;
  const [channel, setChannel] = useState(channelId || (able[0]?.id ?? ""));
  const [type, setType] = useState(USUAL_TYPE);
  const [recipient, setRecipient] = useState("");
  const { data: types = [] } = useEventTypes(team);
  const chosen = names.get(channel);
  const needsRecipient = chosen?.destination.case === "email" && chosen.destination.value.recipients.length === 0;
  const test = useMutation({
    mutationFn: () =>
      clients.dispatcher.sendTest({
        teamId: team,
        channelId: channel,
        recipient: needsRecipient ? recipient : "",
        ...(event ? { event } : { eventType: type }),
      }),
  });
  const delivery = test.data?.delivery;
  const attempt = delivery?.attempts.at(-1);
  return (
    <Sheet open onClose={onClose} title={en.test.title} description={event ? en.test.textOf : en.test.text}>
      <form
        className="grid gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          test.mutate();
        }}
      >
        <div className="field">
          <label className="field-label" htmlFor={`${id}-channel`}>
            {en.test.channel}
          </label>
          <select id={`${id}-channel`} className="input" value={channel} onChange={(event) => setChannel(event.target.value)}>
            {able.map((one) => (
              <option key={one.id} value={one.id}>
                {plain(one.displayName)} · {en.kinds[kindWord(one.kind) ?? "webhook"]}
              </option>
            ))}
          </select>
        </div>
        {event ? (
          <p className="wrap-anywhere">
            <span className="mono text-muted">{event.type}</span> <b>{plain(event.title ?? "")}</b>
          </p>
        ) : (
          <div className="field">
            <label className="field-label" htmlFor={`${id}-type`}>
              {en.test.type}
            </label>
            <select id={`${id}-type`} className="input" value={type} onChange={(event) => setType(event.target.value)}>
              {types.length === 0 ? <option value={USUAL_TYPE}>{USUAL_TYPE}</option> : null}
              {types.map(({ name }) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </div>
        )}
        {needsRecipient ? (
          <div className="field">
            <label className="field-label" htmlFor={`${id}-recipient`}>
              {en.test.recipient}
            </label>
            <input
              id={`${id}-recipient`}
              type="email"
              className="input"
              value={recipient}
              onChange={(event) => setRecipient(event.target.value)}
            />
          </div>
        ) : null}
        <div role="status" className="grid gap-2">
          {test.isPending ? <p>{en.test.sending}</p> : null}
          {test.error ? <p className="field-error">{problemWords(test.error)}</p> : null}
          {attempt && delivery ? (
            <>
              <p className="flex items-center gap-2">
                <StatePill state={succeeded(attempt) ? "delivered" : "failed"} />
                <b>{succeeded(attempt) ? en.test.went : en.test.wentNot}</b>
                <span className="text-muted">
                  {attempt.statusCode > 0 ? `${attempt.statusCode} · ` : ""}
                  {duration(span(attempt.latency) ?? 0)}
                </span>
              </p>
              {attempt.error ? <p className="wrap-anywhere">{plain(attempt.error)}</p> : null}
              {attempt.responseBody ? <pre className="code max-h-40 overflow-y-auto">{plain(attempt.responseBody)}</pre> : null}
            </>
          ) : null}
        </div>
        <div className="dialog-foot">
          <button type="button" className="btn" onClick={onClose}>
            {en.close}
          </button>
          <button type="submit" className="btn btn-primary" disabled={test.isPending || channel === ""}>
            {delivery ? en.test.again : en.test.send}
          </button>
        </div>
      </form>
    </Sheet>
  );
}

function problemWords(error: unknown): string {
  const { violations, text } = problemOf(error);
  return violations.length > 0 ? violations.map((one) => `${one.path}: ${one.text}`).join("; ") : text;
}
