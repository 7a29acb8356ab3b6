// What a draft would have made of the events of the last seven days: asked of the server, which decides each of them twice.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useSession } from "../api/context";
import { problemOf } from "../api/errors";
import type { BacktestRequestSchema, BacktestResult } from "../api/gen/watchbell/router/v1/backtest_pb";
import { useMay } from "../api/self";
import { type Services, useServices } from "../api/services";
import { kindWord } from "../api/words";
import { type Shift, shifts, worse } from "../domain/backtest";
import * as en from "../messages/en";
import { plain } from "./format";
import { KindIcon } from "./icons";

/** So many of those whose messages change are listed. */
const MOST = 12;

type Asked = Pick<MessageInitShape<typeof BacktestRequestSchema>, "teamId" | "document" | "maxEvents">;

/** Null when the stream ended without a result. */
async function judge(services: Services, asked: Asked, signal: AbortSignal, onProgress: (judged: number) => void): Promise<BacktestResult | null> {
  for await (const { step } of services.router.backtest(asked, { signal })) {
    if (step.case === "result") return step.value;
    if (step.case === "progress") onProgress(Number(step.value.eventCount));
  }
  return null;
}

/** Asked by itself whenever the document is another, of the newest events only. Nothing is asked about an empty one. */
export function useJudged(team: string, document: string, maxEvents: number) {
  const services = useServices();
  const { epoch } = useSession();
  const may = useMay();
  const [judged, setJudged] = useState(0);
  const query = useQuery({
    queryKey: ["backtest", team, epoch, document, maxEvents],
    queryFn: ({ signal }) => {
      setJudged(0);
      return judge(services, { teamId: team, document, maxEvents }, signal, setJudged);
    },
    enabled: may.log && document !== "",
    placeholderData: keepPreviousData,
    staleTime: 5 * 60_000,
    refetchOnWindowFocus: false,
  });
  return { ...query, judged };
}

interface Props {
  readonly team: string;
  /** A document. With another one the part is to be another, by its `key`. */
  readonly draft: Pick<Asked, "document">;
}

export function Backtest({ team, draft }: Props): ReactNode {
  const services = useServices();
  const may = useMay();
  const [judged, setJudged] = useState(0);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const ask = useMutation({
    mutationFn: async (): Promise<BacktestResult | null> => {
      const controller = new AbortController();
      running.current = controller;
      setJudged(0);
      try {
        return await judge(services, { teamId: team, ...draft }, controller.signal, setJudged);
      } catch (error) {
        if (!controller.signal.aborted) throw error;
        return null;
      }
    },
  });
  if (!may.log) return null;
  return (
    <section className="card grid gap-2" aria-label={en.backtest.title}>
      <p className="flex flex-wrap items-center gap-2">
        <button type="button" className="btn btn-small" disabled={ask.isPending} onClick={() => ask.mutate()}>
          {ask.data ? en.backtest.again : en.backtest.ask}
        </button>
        {ask.isPending ? (
          <button type="button" className="btn btn-small btn-quiet" onClick={() => running.current?.abort()}>
            {en.backtest.stop}
          </button>
        ) : null}
        <span role="status" className="text-muted">
          {ask.isPending ? en.backtest.running(judged) : ""}
        </span>
      </p>
      {ask.error ? <Refusal error={ask.error} /> : null}
      {ask.data ? <Judged result={ask.data} /> : null}
    </section>
  );
}

function Refusal({ error }: { error: unknown }): ReactNode {
  const { text, violations } = problemOf(error);
  return (
    <div role="alert" className="text-muted wrap-anywhere">
      {violations.length === 0 ? text : violations.map(({ path, text: said }) => <p key={`${path} ${said}`}>{`${path}: ${said}`}</p>)}
    </div>
  );
}

/** What a draft would have made of what was accepted. */
export function Judged({ result }: { result: BacktestResult }): ReactNode {
  const [events, changed] = [Number(result.eventCount), Number(result.changedCount)];
  const { unreached, failing } = worse(result);
  const warnings = [
    unreached > 0 ? en.backtest.unreached(unreached) : "",
    failing > 0 ? en.backtest.failing(failing) : "",
    result.truncated ? en.backtest.truncated : "",
  ].filter(Boolean);
  return (
    <>
      <p role="status">
        <b>{events === 0 ? en.backtest.none : changed === 0 ? en.backtest.same(events) : en.backtest.changed(changed, events)}</b>
      </p>
      {warnings.map((warning) => (
        <p key={warning} className="card card-warn">
          {warning}
        </p>
      ))}
      <ul className="grid gap-1">
        {shifts(result)
          .slice(0, MOST)
          .map((shift) => (
            <Shifted key={`${shift.target.kind} ${shift.target.target.value ?? ""}`} shift={shift} />
          ))}
      </ul>
      {result.examples.length > 0 ? (
        <details>
          <summary>{en.backtest.examples}</summary>
          <ul className="mt-1 grid gap-1">
            {result.examples.map(({ eventId, type, title, gains, losses }) => (
              <li key={eventId} className="grid gap-0.5">
                <span className="cut">
                  {plain(title) || en.log.untitled} <span className="mono text-muted">{plain(type)}</span>
                </span>
                <span className="text-sm text-muted wrap-anywhere">
                  {[
                    gains.length > 0 ? en.backtest.gains(gains.map(plain).join(", ")) : "",
                    losses.length > 0 ? en.backtest.losses(losses.map(plain).join(", ")) : "",
                  ]
                    .filter(Boolean)
                    .join("; ")}
                </span>
              </li>
            ))}
          </ul>
        </details>
      ) : null}
      <p className="field-hint">{en.backtest.hint}</p>
    </>
  );
}

function Shifted({ shift: { target, before, after } }: { shift: Shift }): ReactNode {
  const kind = kindWord(target.kind);
  const by = after - before;
  return (
    <li className="flex items-center gap-2">
      <span className={`pill ${by > 0 ? "s-delivered" : "s-failed"}`}>{by > 0 ? en.backtest.more(by) : en.backtest.less(-by)}</span>
      <KindIcon kind={kind} />
      <span className="sr-only">{kind ? en.kinds[kind] : ""}</span>
      <span className="cut">{plain(target.displayName) || en.inbox}</span>
      <span className="ms-auto whitespace-nowrap text-sm text-muted">{en.backtest.messages(before, after)}</span>
    </li>
  );
}
