import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { MOST_COUNTED, useOpenAlerts } from "../../api/alerts";
import { millis } from "../../api/times";
import { severityWord } from "../../api/words";
import { useAlertFeed } from "../../live/alerts";
import * as en from "../../messages/en";
import { ago, count, plain } from "../../parts/format";
import { SeverityBar } from "../../parts/pill";

const SHOWN = 5;

/** What is open and nobody has taken on: the newest of them. */
export function OpenAlerts({ team, now }: { team: string; now: number }): ReactNode {
  useAlertFeed(team);
  const { data: open = [] } = useOpenAlerts(team);
  if (open.length === 0) return null;
  return (
    <section className="card" aria-label={en.overview.alerts}>
      <div className="mb-1 flex flex-wrap items-center gap-2">
        <h2>{en.overview.alerts}</h2>
        <span className="text-muted">{open.length > MOST_COUNTED ? `${count(MOST_COUNTED)}+` : count(open.length)}</span>
        <Link className="link ms-auto" to="/t/$team/alerts" params={{ team }}>
          {en.overview.allAlerts}
        </Link>
      </div>
      <ul>
        {open.slice(0, SHOWN).map(({ key, title, severity, eventType, openTime }) => (
          <li key={key}>
            <Link className="line-link !px-0" to="/t/$team/alerts" params={{ team }} search={{ open: key }}>
              <SeverityBar severity={severityWord(severity)} small />
              <span className="cut min-w-0 flex-1">
                <b>{plain(title) || plain(key)}</b> <span className="mono text-muted">{eventType}</span>
              </span>
              <span className="flex-none text-sm text-muted">{ago(millis(openTime) ?? now, now)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
