import type { ReactNode } from "react";
import type { Channel } from "../api/gen/watchbell/config/v1/channel_pb";
import { kindWord } from "../api/words";
import { plain } from "./format";
import { KindIcon } from "./icons";

interface Props {
  readonly channels: readonly Channel[];
  /** Ids. */
  readonly chosen: readonly string[];
  readonly onChange: (chosen: readonly string[]) => void;
}

/** Any number of channels. */
export function ChannelChecks({ channels, chosen, onChange }: Props): ReactNode {
  return (
    <ul className="grid gap-1 md:grid-cols-2">
      {channels.map(({ id, kind, displayName }) => (
        <li key={id}>
          <label className="flex min-h-6 items-center gap-2">
            <input
              type="checkbox"
              className="check"
              checked={chosen.includes(id)}
              onChange={(event) => onChange(event.target.checked ? [...chosen, id] : chosen.filter((other) => other !== id))}
            />
            <KindIcon kind={kindWord(kind)} />
            <span className="cut">{plain(displayName)}</span>
          </label>
        </li>
      ))}
    </ul>
  );
}
