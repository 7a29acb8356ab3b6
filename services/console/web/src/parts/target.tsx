import type { ReactNode } from "react";
import type { ChannelNames } from "../api/channels";
import type { KindWord } from "../api/words";
import * as en from "../messages/en";
import type { Target } from "../live/row";
import { plain } from "./format";
import { KindIcon } from "./icons";

/** Who gets it, as text. */
export function targetName(kind: KindWord | null, target: Target, names: ChannelNames): string {
  if (target.address) return plain(target.address);
  if (kind === "in-app") return en.inbox;
  if (target.channelId) return plain(names.get(target.channelId)?.displayName ?? en.deletedChannel);
  return en.receipts;
}

export function TargetName({ kind, target, names }: { kind: KindWord | null; target: Target; names: ChannelNames }): ReactNode {
  const name = targetName(kind, target, names);
  return (
    <span className="flex min-w-0 items-center gap-[7px]">
      <KindIcon kind={kind} />
      <span className="sr-only">{kind ? en.kinds[kind] : ""}</span>
      <span className="cut" title={name}>
        {name}
      </span>
    </span>
  );
}
