// What needs somebody, how each kind of channel fares, the last hour, and what happens right now.

import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { useChannelNames } from "../../api/channels";
import { useMay } from "../../api/self";
import { useSilencesInForce } from "../../api/silences";
import { useZone } from "../../api/team";
import { STATES } from "../../api/words";
import { EVERYTHING, type Filter } from "../../live/filter";
import { type Stats, useStats } from "../../live/stats";
import * as en from "../../messages/en";
import { Findings, useFindings } from "../../parts/findings";
import { HOUR, MINUTE, count, moment } from "../../parts/format";
import { StateIcon } from "../../parts/icons";
import { InForce } from "../../parts/in-force";
import { useNow } from "../../parts/now";
import { SendTest } from "../../parts/send-test";
import { Attention } from "../deliveries/attention";
import { Histogram } from "../deliveries/histogram";
import { OpenAlerts } from "./alerts";
import { Kinds } from "./kinds";
import { Tail } from "./tail";
import { Todo } from "./todo";

/** Whole minutes, so that bars keep their place while time goes on. */
function lastHour(now: number): Filter {
  return { ...EVERYTHING, start: Math.floor(now / MINUTE) * MINUTE - HOUR + MINUTE };
}

export function OverviewPage(): ReactNode {
  const { team } = useParams({ from: "/t/$team" });
  const navigate = useNavigate();
  const zone = useZone(team);
  const names = useChannelNames(team);
  const now = useNow(1_000);
  const may = useMay();
  const silences = useSilencesInForce(team);
  const findings = useFindings(team);
  const [testing, setTesting] = useState<string | null>(null);
  const stats = useStats(team, "hour", lastHour);
  return (
    <>
      <header className="page-head">
        <h1>{en.overview.title}</h1>
      </header>
      <div className="page-body overview">
        <Todo team={team} names={names} />
        <InForce team={team} silences={silences} now={now} />
        <Attention
          team={team}
          zone={zone}
          names={names}
          now={now}
          onTest={setTesting}
          onSearch={(search) => void navigate({ to: "/t/$team/deliveries", params: { team }, search })}
        />
        {may.log ? <OpenAlerts team={team} now={now} /> : null}
        <Findings team={team} findings={findings} />
        <Kinds team={team} now={now} />
        <section className="card" aria-label={en.overview.hour}>
          <div className="flex flex-wrap items-center gap-2">
            <h2>{en.overview.hour}</h2>
            <Link className="link ms-auto" to="/t/$team/deliveries" params={{ team }}>
              {en.overview.all}
            </Link>
          </div>
          {stats ? <Counts team={team} stats={stats} /> : null}
          {stats && stats.total > 0 ? (
            <Histogram
              stats={stats}
              onBrush={(begin, end) =>
                void navigate({
                  to: "/t/$team/deliveries",
                  params: { team },
                  search: { from: new Date(begin).toISOString(), to: new Date(end).toISOString() },
                })
              }
            />
          ) : null}
        </section>
        <Tail team={team} names={names} now={now} />
      </div>
      {testing === null ? null : <SendTest team={team} names={names} channelId={testing} onClose={() => setTesting(null)} />}
    </>
  );
}

function Counts({ team, stats: { counts, countedFrom, to } }: { team: string; stats: Stats }): ReactNode {
  const shown = STATES.filter((state) => counts[state] > 0);
  if (shown.length === 0) return <p className="text-muted">{en.overview.quiet}</p>;
  return (
    <p className="flex flex-wrap gap-1.5 py-2">
      {shown.map((state) => (
        <Link key={state} className={`pill s-${state}`} to="/t/$team/deliveries" params={{ team }} search={{ state }}>
          <StateIcon state={state} />
          {en.states[state]} <b>{count(counts[state])}</b>
        </Link>
      ))}
      {countedFrom === null ? null : <span className="text-sm text-muted">{en.log.partial(moment(countedFrom, to))}</span>}
    </p>
  );
}
