// Who changed what of the configuration, and taking one change back.

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { useApp, useSession } from "../../api/context";
import { problemOf } from "../../api/errors";
import type { ConfigRevision } from "../../api/gen/watchbell/config/v1/config_revision_pb";
import { useMay } from "../../api/self";
import { millis } from "../../api/times";
import * as en from "../../messages/en";
import { Broken } from "../../parts/broken";
import { Change } from "../../parts/config-change";
import { Confirm } from "../../parts/dialog";
import { made, plain, whole } from "../../parts/format";
import { useNow } from "../../parts/now";
import { done, refused } from "../../parts/toast";
import { actorName } from "./actor";

const PAGE = 50;

export function HistoryPage(): ReactNode {
  const { team } = useParams({ from: "/t/$team" });
  const { by } = useSearch({ from: "/t/$team/history" });
  const navigate = useNavigate({ from: "/t/$team/history" });
  const { clients } = useApp();
  const { epoch } = useSession();
  const may = useMay();
  const now = useNow(15_000);
  const [reverting, setReverting] = useState<ConfigRevision | null>(null);
  const { data, error, refetch, hasNextPage, isFetchingNextPage, fetchNextPage } = useInfiniteQuery({
    queryKey: ["history", team, epoch, by],
    queryFn: ({ pageParam, signal }) => clients.teams.listConfigChanges({ teamId: team, pageSize: PAGE, pageToken: pageParam, actor: by ?? "" }, { signal }),
    initialPageParam: "",
    getNextPageParam: (last) => last.nextPageToken || undefined,
    enabled: may.administer,
    refetchInterval: 60_000,
  });
  const revisions = data?.pages.flatMap((page) => page.revisions) ?? [];
  return (
    <>
      <header className="page-head">
        <h1>{en.history.title}</h1>
        {by === undefined ? null : (
          <button type="button" className="btn btn-small" onClick={() => void navigate({ search: {} })}>
            {en.history.everybody}
          </button>
        )}
      </header>
      <div className="page-body">
        {may.administer ? null : <p className="card">{en.denied.history}</p>}
        {error && !data ? <Broken error={error} again={() => void refetch()} /> : null}
        {data && revisions.length === 0 ? (
          <div className="empty">
            <h2>{en.history.empty}</h2>
          </div>
        ) : null}
        <ol className="grid gap-2">
          {revisions.map((revision) => (
            <Row key={String(revision.revision)} team={team} revision={revision} now={now} onRevert={() => setReverting(revision)} />
          ))}
        </ol>
        {hasNextPage ? (
          <p className="mt-3">
            <button type="button" className="btn" onClick={() => void fetchNextPage()} disabled={isFetchingNextPage}>
              {en.inboxPage.older}
            </button>
          </p>
        ) : null}
      </div>
      {reverting ? <Revert team={team} revision={reverting} onClose={() => setReverting(null)} /> : null}
    </>
  );
}

interface RowProps {
  readonly team: string;
  readonly revision: ConfigRevision;
  readonly now: number;
  readonly onRevert: () => void;
}

function Row({ team, revision: one, now, onRevert }: RowProps): ReactNode {
  const { revision, changeTime, actor, method, address, changes } = one;
  const at = millis(changeTime) ?? now;
  const by = actor?.id || actor?.displayName;
  return (
    <li className="card grid gap-2">
      <p className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
        <b>{en.config.revision(String(revision))}</b>
        <span title={whole(at)}>{made(at, now)}</span>
        {by ? (
          <Link className="link wrap-anywhere" to="/t/$team/history" params={{ team }} search={{ by }}>
            {actorName(actor)}
          </Link>
        ) : (
          <span className="wrap-anywhere">{actorName(actor)}</span>
        )}
        <span className="mono text-muted">{method}</span>
        {address ? <span className="mono text-muted wrap-anywhere">{plain(address)}</span> : null}
        {changes.length > 0 ? (
          <button type="button" className="btn btn-small ms-auto" onClick={onRevert}>
            {en.history.revert}
            <span className="sr-only">{en.config.revision(String(revision))}</span>
          </button>
        ) : null}
      </p>
      {changes.length > 0 ? (
        <ul className="grid gap-2">
          {changes.map((change) => (
            <li key={`${change.action} ${change.subject}`}>
              <Change change={change} />
            </li>
          ))}
        </ul>
      ) : null}
    </li>
  );
}

/** Asks first what taking it back would change. */
function Revert({ team, revision: { revision }, onClose }: { team: string; revision: ConfigRevision; onClose: () => void }): ReactNode {
  const { clients } = useApp();
  const cache = useQueryClient();
  const tried = useQuery({
    queryKey: ["revert", team, String(revision)],
    queryFn: ({ signal }) => clients.teams.revertConfigChange({ teamId: team, revision, validateOnly: true }, { signal }),
    staleTime: 0,
    gcTime: 0,
    retry: false,
  });
  const revert = useMutation({
    mutationFn: () => clients.teams.revertConfigChange({ teamId: team, revision }),
    onSuccess: () => done(en.history.reverted(String(revision))),
    onError: (error) => refused(en.history.refused, error),
    onSettled: async () => {
      onClose();
      // Anything may have changed.
      await cache.invalidateQueries();
    },
  });
  const problem = tried.error ? problemOf(tried.error) : null;
  const changes = tried.data?.changes ?? [];
  return (
    <Confirm
      open
      onClose={onClose}
      title={en.history.revertTitle(String(revision))}
      verb={en.history.revertVerb}
      busy={revert.isPending}
      disabled={changes.length === 0}
      onConfirm={() => revert.mutate()}
    >
      {tried.isPending ? <p role="status">{en.loading}</p> : null}
      {problem ? (
        <div role="alert" className="grid gap-1">
          <p className="field-error">{problem.text}</p>
          <ul className="grid gap-1">
            {problem.violations.map(({ path, text }) => (
              <li key={`${path} ${text}`} className="wrap-anywhere">
                <span className="mono">{path}</span>: {text}
              </li>
            ))}
          </ul>
        </div>
      ) : null}
      {tried.data ? <p>{changes.length === 0 ? en.config.same : en.history.revertText}</p> : null}
      <ul className="grid gap-2">
        {changes.map((change) => (
          <li key={`${change.action} ${change.subject}`}>
            <Change change={change} />
          </li>
        ))}
      </ul>
    </Confirm>
  );
}
