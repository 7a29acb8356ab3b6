// How many alerts are open, beside the page's name in the rail.

import type { ReactNode } from "react";
import { MOST_COUNTED, useOpenAlerts } from "../api/alerts";
import * as en from "../messages/en";
import { count } from "./format";

export default function AlertCount({ team }: { team: string }): ReactNode {
  const { data } = useOpenAlerts(team);
  const open = data?.length ?? 0;
  if (open === 0) return null;
  const text = open > MOST_COUNTED ? `${count(MOST_COUNTED)}+` : count(open);
  return (
    <span className="count">
      <span aria-hidden="true">{text}</span>
      <span className="sr-only">{en.shell.openAlerts(text)}</span>
    </span>
  );
}
