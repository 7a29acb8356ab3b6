// How many deliveries of each channel are sent again, or why none of them is.

import type { ReactNode } from "react";
import type { ChannelNames } from "../../api/channels";
import type { ResendCount } from "../../api/gen/watchbell/dispatcher/v1/dispatcher_service_pb";
import { kindWord } from "../../api/words";
import * as en from "../../messages/en";
import { count, plain } from "../../parts/format";
import { TargetName } from "../../parts/target";

export function ResendCounts({ counts, names }: { counts: readonly ResendCount[]; names: ChannelNames }): ReactNode {
  if (counts.length === 0) return null;
  return (
    <ul className="grid gap-1">
      {counts.map(({ channelId, kind, count: of, refusal }) => (
        <li key={`${kind} ${channelId}`} className="flex flex-wrap items-center gap-2">
          {channelId === "" && kindWord(kind) === "email" ? (
            <span>{en.routing.people}</span>
          ) : (
            <TargetName kind={kindWord(kind)} target={{ channelId, address: "" }} names={names} />
          )}
          {refusal === "" ? <b className="ms-auto">{count(Number(of))}</b> : <span className="wrap-anywhere text-muted">{plain(refusal)}</span>}
        </li>
      ))}
    </ul>
  );
}
