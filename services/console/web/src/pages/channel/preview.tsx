// What messages to a channel look like: of an event that was accepted, or of a type's example.

import { type ReactNode, useState } from "react";
import { USUAL_TYPE, useEventTypes } from "../../api/event-types";
import type { AcceptedEvent } from "../../api/gen/watchbell/dispatcher/v1/dispatcher_service_pb";
import * as en from "../../messages/en";
import { plain } from "../../parts/format";
import { SelectField } from "../../parts/inputs";
import { MessagePreview } from "../../parts/message-preview";
import { RealEvents } from "../../parts/real-events";

interface Props {
  readonly team: string;
  readonly channelId: string;
  readonly now: number;
}

export function PreviewTab({ team, channelId, now }: Props): ReactNode {
  const { data: types = [] } = useEventTypes(team);
  const [type, setType] = useState(USUAL_TYPE);
  const [real, setReal] = useState<AcceptedEvent | null>(null);
  const known = types.map(({ name }) => name);
  const event = real?.event;
  return (
    <div className="page-body">
      <div className="grid max-w-[760px] min-w-0 gap-4">
        <p className="text-muted">{en.preview.text}</p>
        <div className="flex flex-wrap items-end gap-3">
          <div className="min-w-[220px] flex-1">
            <SelectField
              label={en.preview.example}
              path="event"
              errors={new Map()}
              options={known.includes(type) ? known : [type, ...known]}
              word={(name) => name}
              value={type}
              onChange={(next) => {
                setType(next);
                setReal(null);
              }}
            />
          </div>
          <RealEvents team={team} now={now} onEvent={setReal} />
        </div>
        {event ? (
          <p className="wrap-anywhere">
            <b>{plain(event.title)}</b> <span className="mono text-muted">{event.id}</span>{" "}
            <button type="button" className="link" onClick={() => setReal(null)}>
              {en.preview.back}
            </button>
          </p>
        ) : null}
        <MessagePreview team={team} to={{ channelId }} of={event ? { eventId: event.id } : { event: { type } }} />
      </div>
    </div>
  );
}
