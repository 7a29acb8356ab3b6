// Why it went there then, beside what the rules would do with the same event now: `Explain` is the code that decides.

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { ChannelNames } from "../../api/channels";
import { useServices } from "../../api/services";
import { problemOf } from "../../api/errors";
import type { AcceptedEvent } from "../../api/gen/watchbell/dispatcher/v1/dispatcher_service_pb";
import { kindWord } from "../../api/words";
import { type Verdict, verdict } from "../../domain/verdict";
import { type Row, targetOf } from "../../live/row";
import * as en from "../../messages/en";
import { moment, plain } from "../../parts/format";
import { StatePill } from "../../parts/pill";
import { TargetName } from "../../parts/target";

interface Props {
  readonly team: string;
  readonly row: Row;
  readonly event: AcceptedEvent;
  readonly names: ChannelNames;
  readonly now: number;
}

export function ThenNow({ team, row, event: accepted, names, now }: Props): ReactNode {
  const services = useServices();
  const { data, error } = useQuery({
    queryKey: ["explain", team, row.eventId],
    queryFn: ({ signal }) => {
      const { event } = accepted;
      return services.router.explain(
        {
          teamId: team,
          event: {
            type: event?.type ?? "",
            ...(event ? { severity: event.severity, category: event.category } : {}),
            source: event?.source ?? "",
            subject: event?.subject ?? "",
            title: event?.title ?? "",
            url: event?.url ?? "",
            payload: { case: "dataJson", value: new TextEncoder().encode(accepted.dataJson || "{}") },
          },
        },
        { signal },
      );
    },
    staleTime: 0,
    gcTime: 0,
  });
  if (error) return <p className="field-error">{problemOf(error).text}</p>;
  if (!data) return <p role="status">{en.thenNow.asking}</p>;
  const said = verdict(data, row);
  return (
    <div className="grid gap-2" role="status">
      <dl className="grid grid-cols-[40px_minmax(0,1fr)] gap-x-2 gap-y-1">
        <dt className="text-muted">{en.thenNow.before}</dt>
        <dd>{plain(row.reason.sentence)}</dd>
        <dt className="text-muted">{en.thenNow.now}</dt>
        <dd>
          <b>{summed(said, now)}</b> {plain(said.sentence)}
        </dd>
      </dl>
      <ul className="siblings">
        {data.routes.map((route) => {
          const kind = kindWord(route.kind);
          const target = targetOf(route);
          const one = verdict(data, { ...row, kind, target });
          return (
            <li key={`${route.kind} ${target.channelId} ${target.address}`} className="flex items-center gap-2" title={plain(one.sentence)}>
              <TargetName kind={kind} target={target} names={names} />
              <span className="ms-auto" />
              {one.outcome === "now" ? <StatePill state="delivered" text={en.thenNow.now} /> : null}
              {one.outcome === "held" ? (
                <StatePill state="held" text={one.heldUntil === null ? en.states.held : en.took.until(moment(one.heldUntil, now))} />
              ) : null}
              {one.outcome === "parked" ? <StatePill state="parked" /> : null}
              {one.outcome === "counted" ? <StatePill state="folded" /> : null}
            </li>
          );
        })}
      </ul>
      {data.alert?.explanation ? <p className="text-sm">{plain(data.alert.explanation.sentence)}</p> : null}
      <p className="text-sm text-muted">
        {en.thenNow.others(data.routes.length)} · {en.thenNow.revision(String(data.revision))}
        {data.exampleData ? ` · ${en.thenNow.example}` : ""}
      </p>
    </div>
  );
}

function summed({ outcome, heldUntil }: Verdict, now: number): string {
  switch (outcome) {
    case "now":
      return en.thenNow.same;
    case "held":
      return en.thenNow.held(heldUntil === null ? en.took.none : moment(heldUntil, now));
    case "parked":
      return en.thenNow.parked;
    case "counted":
      return en.thenNow.counted;
    default:
      return en.thenNow.not;
  }
}
