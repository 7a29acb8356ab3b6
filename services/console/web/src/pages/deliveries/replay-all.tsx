// Replays everything that the filter matches, not what happens to be on the screen: counts first, then sends one by one,
// and can be stopped.

import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useApp } from "../../api/context";
import { askPage } from "../../live/log";
import type { Filter } from "../../live/merge";
import * as en from "../../messages/en";
import { Sheet } from "../../parts/dialog";
import { count } from "../../parts/format";

const MOST = 1_000;
const AT_ONCE = 4;

interface Progress {
  readonly done: number;
  readonly refused: number;
  readonly running: boolean;
}

interface Props {
  readonly team: string;
  readonly filter: Filter;
  readonly onClose: () => void;
}

export function ReplayAll({ team, filter, onClose }: Props): ReactNode {
  const { clients } = useApp();
  const [counted, setCounted] = useState(0);
  const [progress, setProgress] = useState<Progress | null>(null);
  const stopped = useRef(false);
  useEffect(
    () => () => {
      stopped.current = true;
    },
    [],
  );
  const { data: ids, error } = useQuery({
    queryKey: ["replay-all", team, filter],
    queryFn: async ({ signal }) => {
      const found: string[] = [];
      let token = "";
      do {
        // oxlint-disable-next-line no-await-in-loop
        const page = await askPage(clients, team, filter, MOST, token, signal);
        found.push(...page.deliveries.map(({ id }) => id));
        token = page.nextPageToken;
        setCounted(found.length);
      } while (token !== "" && found.length <= MOST);
      return found;
    },
    staleTime: 0,
    gcTime: 0,
  });
  const send = async (all: readonly string[]) => {
    stopped.current = false;
    let [next, done, refused] = [0, 0, 0];
    setProgress({ done, refused, running: true });
    const worker = async () => {
      while (next < all.length && !stopped.current) {
        const id = all[next];
        next += 1;
        try {
          // oxlint-disable-next-line no-await-in-loop
          await clients.dispatcher.replay({ teamId: team, deliveryId: id ?? "" });
          done += 1;
        } catch {
          refused += 1;
        }
        setProgress({ done, refused, running: true });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    setProgress({ done, refused, running: false });
  };
  const tooMany = ids !== undefined && ids.length > MOST;
  return (
    <Sheet open onClose={onClose} title={en.replayAll.title} firm={progress?.running === true}>
      <div role="status" className="grid gap-2">
        {error ? <p className="field-error">{String(error)}</p> : null}
        {ids === undefined && !error ? <p>{en.replayAll.counting(count(counted))}</p> : null}
        {tooMany ? <p>{en.replayAll.tooMany(count(MOST))}</p> : null}
        {ids?.length === 0 ? <p>{en.replayAll.none}</p> : null}
        {ids && !tooMany && ids.length > 0 && !progress ? <p>{en.replayAll.text(en.deliveriesCounted(ids.length))}</p> : null}
        {progress && ids ? (
          <>
            <progress className="w-full" value={progress.done + progress.refused} max={ids.length} />
            <p>{en.replayAll.going(count(progress.done), count(ids.length))}</p>
            {progress.refused > 0 ? <p className="field-error">{en.replayAll.failed(en.deliveriesCounted(progress.refused))}</p> : null}
          </>
        ) : null}
      </div>
      <div className="dialog-foot">
        {progress?.running ? (
          <button
            type="button"
            className="btn"
            onClick={() => {
              stopped.current = true;
            }}
          >
            {en.replayAll.stop}
          </button>
        ) : (
          <button type="button" className="btn" onClick={onClose}>
            {progress ? en.replayAll.done : en.cancel}
          </button>
        )}
        {progress ? null : (
          <button
            type="button"
            className="btn btn-primary"
            disabled={!ids || tooMany || ids.length === 0}
            onClick={() => ids && void send(ids)}
          >
            {en.replayAll.verb(ids && !tooMany ? count(ids.length) : "…")}
          </button>
        )}
      </div>
    </Sheet>
  );
}
