// Sends stored events where today's configuration leads them and they were never sent: the server counts first.

import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { problemOf } from "../../api/errors";
import type { RerouteResult, RerouteTarget } from "../../api/gen/watchbell/router/v1/reroute_pb";
import { useServices } from "../../api/services";
import { timestamp } from "../../api/times";
import { kindWord } from "../../api/words";
import * as en from "../../messages/en";
import { Confirm } from "../../parts/dialog";
import { DAY, count, plain } from "../../parts/format";
import { KindIcon } from "../../parts/icons";
import { SelectField } from "../../parts/inputs";
import { done, refused } from "../../parts/toast";
import { type EventsSearch, asked } from "./search";

const DAYS = [1, 7, 31] as const;
/** So many of those who would get something are listed. */
const MOST = 12;

interface Props {
  readonly team: string;
  readonly search: EventsSearch;
  readonly onClose: () => void;
}

/** What the list is narrowed to, as people read it. */
function wordsOf({ type, severity, category, source, text }: EventsSearch): readonly string[] {
  const words = [type, severity && en.severities[severity], category && en.categories[category], source, text && `“${text}”`];
  return words.filter((word) => word !== undefined).map(plain);
}

export function RerouteDialog({ team, search, onClose }: Props): ReactNode {
  const services = useServices();
  const [days, setDays] = useState<(typeof DAYS)[number]>(1);
  const [opened] = useState(() => Date.now());
  const [leaving] = useState(() => new AbortController());
  useEffect(() => () => leaving.abort(), [leaving]);
  const run = async (validateOnly: boolean, signal: AbortSignal): Promise<RerouteResult | null> => {
    const request = {
      teamId: team,
      ...asked(search),
      startTime: timestamp(opened - days * DAY),
      validateOnly,
    };
    for await (const { step } of services.router.reroute(request, { signal })) if (step.case === "result") return step.value;
    return null;
  };
  const { data, error } = useQuery({
    queryKey: ["reroute", team, search, days, opened],
    queryFn: ({ signal }) => run(true, signal),
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const send = useMutation({
    mutationFn: () => run(false, leaving.signal),
    onSuccess: (result) => done(en.reroute.done(en.deliveriesCounted(Number(result?.reroutedCount ?? 0)))),
    onError: (problem) => refused(en.reroute.refused, problem),
    onSettled: onClose,
  });
  const missing = Number(data?.missingCount ?? 0);
  return (
    <Confirm
      open
      onClose={onClose}
      title={en.reroute.title}
      verb={send.isPending ? en.reroute.sending : en.reroute.verb(data ? count(missing) : "…")}
      busy={send.isPending}
      disabled={missing === 0}
      onConfirm={() => send.mutate()}
    >
      <p>{en.reroute.text}</p>
      <p className="text-muted">{en.reroute.which(wordsOf(search))}</p>
      <SelectField label={en.reroute.since} path="start_time" errors={new Map()} value={days} onChange={setDays} options={DAYS} word={en.reroute.days} />
      <div role="status" className="grid gap-2">
        {error ? <p className="field-error">{problemOf(error).text}</p> : null}
        {!data && !error ? <p>{en.loading}</p> : null}
        {data ? <Counted result={data} /> : null}
      </div>
    </Confirm>
  );
}

function Counted({ result }: { result: RerouteResult }): ReactNode {
  const events = Number(result.eventCount);
  const missing = Number(result.missingCount);
  const gaining = result.targets.filter((target) => target.missingCount > 0n);
  return (
    <>
      <p>{missing === 0 ? en.reroute.none(events) : en.reroute.count(en.deliveriesCounted(missing), events)}</p>
      <ul className="grid gap-1">
        {gaining.slice(0, MOST).map((target) => (
          <Gaining key={`${target.kind} ${target.target.value ?? ""}`} target={target} />
        ))}
      </ul>
      {gaining.length > MOST ? <p className="text-muted">{en.reroute.more(gaining.length - MOST)}</p> : null}
      {result.truncated ? <p>{en.reroute.truncated}</p> : null}
    </>
  );
}

function Gaining({ target }: { target: RerouteTarget }): ReactNode {
  return (
    <li className="flex items-center gap-2">
      <KindIcon kind={kindWord(target.kind)} />
      <span className="cut">{plain(target.displayName) || en.inbox}</span>
      <b className="ms-auto">{count(Number(target.missingCount))}</b>
    </li>
  );
}
