// What is said wherever messages are missed while a silence is in force.

import { Link } from "@tanstack/react-router";
import { BellOff } from "lucide-react";
import type { ReactNode } from "react";
import { type Silence, SilenceMode } from "../api/gen/watchbell/config/v1/silence_pb";
import { millis } from "../api/times";
import * as en from "../messages/en";
import { moment, plain } from "./format";

interface Props {
  readonly team: string;
  readonly silences: readonly Silence[];
  readonly now: number;
}

const MOST = 3;

export function InForce({ team, silences, now }: Props): ReactNode {
  if (silences.length === 0) return null;
  return (
    <ul className="grid gap-2" aria-label={en.silences.inForce}>
      {silences.slice(0, MOST).map(({ id, comment, author, endTime, mode }) => (
        <li key={id} className="card flex flex-wrap items-center gap-2">
          <BellOff size={15} aria-hidden="true" className="flex-none text-held" />
          <span className="min-w-0 flex-1 wrap-anywhere">
            {(mode === SilenceMode.DROP ? en.silences.drops : en.silences.holds)(plain(comment), plain(author), moment(millis(endTime) ?? now, now))}
          </span>
          <Link className="btn btn-small" to="/t/$team/silences" params={{ team }} search={{}}>
            {silences.length > MOST ? en.silences.all(silences.length) : en.shell.silences}
          </Link>
        </li>
      ))}
    </ul>
  );
}
