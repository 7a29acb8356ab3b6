// The team's whole configuration as one document: read, changed, compared by the server, and applied.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useBlocker, useParams } from "@tanstack/react-router";
import { Download } from "lucide-react";
import { type ReactNode, Suspense, lazy, useRef, useState } from "react";
import { useChannels } from "../../api/channels";
import { useSession } from "../../api/context";
import { useEventTypes } from "../../api/event-types";
import { useMembers } from "../../api/members";
import { useServices } from "../../api/services";
import { problemOf } from "../../api/errors";
import { type ApplyTeamConfigResponse, ConfigChangeAction } from "../../api/gen/watchbell/config/v1/routing_service_pb";
import { useMay } from "../../api/self";
import { command } from "../../domain/cli";
import type { Known } from "../../domain/document-offers";
import { lineOf, linesOf } from "../../domain/yaml-lines";
import * as en from "../../messages/en";
import { Backtest } from "../../parts/backtest";
import { Broken } from "../../parts/broken";
import { CopyButton } from "../../parts/copy";
import { Change } from "../../parts/config-change";
import { Confirm } from "../../parts/dialog";
import { Findings, useFindings } from "../../parts/findings";
import { plain } from "../../parts/format";
import { done } from "../../parts/toast";
import type { EditorHandle } from "../../parts/yaml-editor";

const YamlEditor = lazy(() => import("../../parts/yaml-editor"));

/** What is typed, and the revision that it was made from. */
interface Typed {
  readonly text: string;
  readonly revision: bigint;
}

interface Compared {
  readonly typed: Typed;
  readonly answer: ApplyTeamConfigResponse;
}

export function ConfigPage(): ReactNode {
  const { team } = useParams({ from: "/t/$team" });
  const services = useServices();
  const { epoch } = useSession();
  const cache = useQueryClient();
  const may = useMay();
  const queryKey = ["document", team, epoch];
  const { data, error, refetch } = useQuery({
    queryKey,
    queryFn: ({ signal }) => services.routing.exportTeamConfig({ teamId: team }, { signal }),
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });
  const [typed, setTyped] = useState<Typed | null>(null);
  const [applying, setApplying] = useState(false);
  const editor = useRef<EditorHandle>(null);
  const known = useKnown(team);
  const text = typed?.text ?? data?.document ?? "";
  const isChanged = typed !== null && typed.text !== data?.document;
  useBlocker({ shouldBlockFn: () => isChanged && !window.confirm(en.channel.leave), enableBeforeUnload: () => isChanged });
  const compare = useMutation({
    mutationFn: async (typed: Typed): Promise<Compared> => {
      const { text: document, revision: expectedRevision } = typed;
      return { typed, answer: await services.routing.applyTeamConfig({ teamId: team, document, expectedRevision, validateOnly: true }) };
    },
  });
  const apply = useMutation({
    mutationFn: ({ typed: { text: document }, answer }: Compared) =>
      services.routing.applyTeamConfig({ teamId: team, document, expectedRevision: answer.revision }),
    onSuccess: async ({ changes, revision }) => {
      done(en.config.applied(changes.length), en.thenNow.revision(String(revision)));
      setTyped(null);
      compare.reset();
      await cache.invalidateQueries();
    },
    onError: () => compare.reset(),
    onSettled: () => setApplying(false),
  });
  const problem = apply.error ?? compare.error;
  // An answer about another text than the one in the editor says nothing.
  const compared = compare.data && compare.data.typed === typed ? compare.data : null;
  const become = (next: Typed | null) => {
    setTyped(next);
    apply.reset();
    compare.reset();
  };
  const edit = (next: string) => become({ text: next, revision: typed?.revision ?? data?.revision ?? 0n });
  const readAgain = async () => {
    const { data: read } = await refetch();
    if (read && typed) become({ text: typed.text, revision: read.revision });
  };
  if (error && !data) return <Broken error={error} again={() => void refetch()} />;
  return (
    <>
      <header className="page-head">
        <h1>{en.config.title}</h1>
        {data ? <span className="text-sm text-muted max-md:hidden">{en.config.revision(String(data.revision))}</span> : null}
        <span className="ms-auto" />
        <button type="button" className="btn max-md:btn-icon" disabled={!data} onClick={() => download(text, `${team}.yaml`)}>
          <Download aria-hidden="true" />
          <span className="max-md:sr-only">{en.config.download}</span>
        </button>
        <CopyButton text={command("apply", "--team", team, "--file", `${team}.yaml`)} label={en.config.copy} className="btn max-md:hidden" />
      </header>
      <div className="config">
        <div className="grid min-h-0 min-w-0 grid-cols-[minmax(0,1fr)] grid-rows-[auto_minmax(0,1fr)] gap-1">
          <span className="field-label">{en.config.document}</span>
          <Suspense fallback={<p role="status">{en.loading}</p>}>
            {data ? (
              <YamlEditor
                label={en.config.document}
                value={text}
                readOnly={!may.configure}
                known={known}
                handle={editor}
                onChange={(next) => next !== text && edit(next)}
              />
            ) : null}
          </Suspense>
        </div>
        <section className="config-side" aria-label={en.config.difference}>
          <p id="config-hint" className="field-hint">
            {may.configure ? en.config.hint : en.denied.configure}
          </p>
          <p className="flex flex-wrap gap-2">
            <button type="button" className="btn" disabled={!isChanged || compare.isPending} onClick={() => typed && compare.mutate(typed)}>
              {compare.isPending ? en.config.comparing : en.config.compare}
            </button>
            <button
              type="button"
              className="btn btn-primary"
              disabled={!may.configure || compared === null || compared.answer.changes.length === 0 || apply.isPending}
              onClick={() => setApplying(true)}
            >
              {en.config.apply}
            </button>
            {isChanged ? (
              <button
                type="button"
                className="btn btn-quiet"
                onClick={() => become(null)}
              >
                {en.channel.discard}
              </button>
            ) : null}
          </p>
          {problem ? <Refusal error={problem} text={text} onLine={(line) => editor.current?.show(line)} onRead={() => void readAgain()} /> : null}
          {compared ? <Difference answer={compared.answer} /> : null}
          {compared && compared.answer.changes.length > 0 ? (
            <NewFindings key={`new ${compared.typed.text}`} team={team} document={compared.typed.text} />
          ) : null}
          {compared && compared.answer.changes.length > 0 ? (
            <Backtest key={compared.typed.text} team={team} draft={{ document: compared.typed.text }} />
          ) : null}
          {!compared && !problem && !isChanged ? <p className="text-muted">{en.config.unchanged}</p> : null}
        </section>
      </div>
      {applying && compared ? (
        <Confirm
          open
          onClose={() => setApplying(false)}
          title={en.config.applyTitle(compared.answer.changes.length)}
          verb={en.config.applyVerb(compared.answer.changes.length)}
          danger={compared.answer.changes.some(({ action }) => action === ConfigChangeAction.DELETE)}
          busy={apply.isPending}
          onConfirm={() => apply.mutate(compared)}
        >
          <p>{en.config.applyText(countOf(compared.answer, ConfigChangeAction.DELETE))}</p>
        </Confirm>
      ) : null}
    </>
  );
}

/** What the draft brings that is odd, and was not there before. */
function NewFindings({ team, document }: { team: string; document: string }): ReactNode {
  return <Findings team={team} findings={useFindings(team, document).filter(({ isNew }) => isNew)} />;
}

/** Names that the document may use. */
function useKnown(team: string): Known {
  const { data: types = [] } = useEventTypes(team);
  const { data: channels = [] } = useChannels(team);
  const { data: members = [] } = useMembers(team, true);
  return {
    types: types.map(({ name }) => name),
    channels: channels.map(({ displayName }) => displayName),
    members: members.map(({ email }) => email),
  };
}

function countOf(answer: ApplyTeamConfigResponse, action: ConfigChangeAction): number {
  return answer.changes.filter((change) => change.action === action).length;
}

function download(text: string, name: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: "application/yaml" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}

interface RefusalProps {
  readonly error: unknown;
  /** What is in the editor. */
  readonly text: string;
  readonly onLine: (line: number) => void;
  readonly onRead: () => void;
}

function Refusal({ error, text: document, onLine, onRead }: RefusalProps): ReactNode {
  const { text, reason, violations } = problemOf(error);
  const lines = linesOf(document);
  return (
    <div className="card card-warn" role="alert">
      <b>{reason === "CONFIG_MOVED" ? en.config.moved : en.config.refused}</b>
      {violations.length === 0 ? <p className="wrap-anywhere whitespace-pre-line">{text}</p> : null}
      <ul className="mt-1 grid gap-1">
        {violations.map(({ path, text: said }) => {
          const line = lineOf(lines, path);
          return (
            <li key={`${path} ${said}`} className="wrap-anywhere">
              {line === null ? null : (
                <button type="button" className="link" onClick={() => onLine(line)}>
                  {en.config.line(line)}
                </button>
              )}{" "}
              <span className="mono">{path}</span>: {said}
            </li>
          );
        })}
      </ul>
      {reason === "CONFIG_MOVED" ? (
        <button type="button" className="btn btn-small mt-2" onClick={onRead}>
          {en.config.readAgain}
        </button>
      ) : null}
    </div>
  );
}

function Difference({ answer }: { answer: ApplyTeamConfigResponse }): ReactNode {
  return (
    <>
      <div role="status">
        <h2>{answer.changes.length === 0 ? en.config.same : en.config.changes(answer.changes.length)}</h2>
      </div>
      {answer.warnings.map((warning) => (
        <p key={warning} className="card card-warn">
          {plain(warning)}
        </p>
      ))}
      <ul className="grid gap-2">
        {answer.changes.map((change) => (
          <li key={`${change.action} ${change.subject}`} className="card">
            <Change change={change} />
          </li>
        ))}
      </ul>
    </>
  );
}
