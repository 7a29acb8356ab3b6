// Silences: those in force, those to come, and those that have ended.

import { useMutation } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { BellOff, Plus } from "lucide-react";
import { type ReactNode, useState } from "react";
import { type ChannelNames, useChannelNames } from "../../api/channels";
import { type Silence, SilenceMode, SilenceState } from "../../api/gen/watchbell/config/v1/silence_pb";
import { useMay } from "../../api/self";
import { useServices } from "../../api/services";
import { useSilences, useSilencesChanged } from "../../api/silences";
import { millis } from "../../api/times";
import { kindWord } from "../../api/words";
import { command } from "../../domain/cli";
import { filterValue } from "../../domain/channel";
import * as en from "../../messages/en";
import { Broken } from "../../parts/broken";
import { Confirm } from "../../parts/dialog";
import { moment, plain, whole } from "../../parts/format";
import { KindIcon } from "../../parts/icons";
import { useNow } from "../../parts/now";
import { TargetName } from "../../parts/target";
import { done, refused } from "../../parts/toast";
import { Conditions } from "../routing/conditions";
import { SilenceForm } from "./form";

/** How many that have ended are drawn at first, and more each time. */
const STEP = 50;

export function SilencesPage(): ReactNode {
  const { team } = useParams({ from: "/t/$team" });
  const search = useSearch({ from: "/t/$team/silences" });
  const navigate = useNavigate({ from: "/t/$team/silences" });
  const past = search.view === "past";
  const names = useChannelNames(team);
  const may = useMay();
  const now = useNow(15_000);
  const changed = useSilencesChanged(team);
  const { data, error, refetch } = useSilences(team, past);
  const [ending, setEnding] = useState<Silence | null>(null);
  const [shown, setShown] = useState(STEP);
  const open = (form: string | undefined) =>
    void navigate({ search: { ...(past ? { view: "past" as const } : {}), ...(form === undefined ? {} : { new: form }) } });
  const of = (state: SilenceState) => (data ?? []).filter((silence) => silence.state === state);
  const ended = past ? of(SilenceState.EXPIRED).toSorted((a, b) => (millis(b.endTime) ?? 0) - (millis(a.endTime) ?? 0)) : [];
  const groups: [string, readonly Silence[]][] = past
    ? [[en.silences.groups.past, ended.slice(0, shown)]]
    : [
        [en.silences.groups.active, of(SilenceState.ACTIVE)],
        [en.silences.groups.pending, of(SilenceState.PENDING)],
      ];
  const isEmpty = data !== undefined && groups.every(([, silences]) => silences.length === 0);
  return (
    <>
      <header className="page-head">
        <h1>{en.silences.title}</h1>
        <div className="seg" role="group" aria-label={en.silences.view}>
          {(["current", "past"] as const).map((view) => (
            <button key={view} type="button" aria-pressed={past === (view === "past")} onClick={() => void navigate({ search: view === "past" ? { view } : {} })}>
              {en.silences.views[view]}
            </button>
          ))}
        </div>
        <span className="ms-auto" />
        <button
          type="button"
          className="btn btn-primary"
          disabled={!may.configure}
          title={may.configure ? undefined : en.denied.configure}
          onClick={() => open("silence")}
        >
          <Plus aria-hidden="true" />
          {en.silences.add}
        </button>
      </header>
      <div className="page-body">
        {error && !data ? <Broken error={error} again={() => void refetch()} /> : null}
        {isEmpty ? <Empty team={team} past={past} /> : null}
        {groups.map(([title, silences]) =>
          silences.length === 0 ? null : (
            <section key={title} className="mb-6" aria-label={title}>
              <h2 className="mb-2">{title}</h2>
              <ul className="grid gap-2">
                {silences.map((silence) => (
                  <Row key={silence.id} silence={silence} names={names} now={now} mayEnd={may.configure} onEnd={() => setEnding(silence)} />
                ))}
              </ul>
            </section>
          ),
        )}
        {ended.length > shown ? (
          <button type="button" className="btn" onClick={() => setShown(shown + STEP)}>
            {en.inboxPage.older}
          </button>
        ) : null}
      </div>
      {search.new !== undefined && may.configure ? (
        <SilenceForm team={team} names={names} channel={search.new} key={names.all.length === 0 ? "" : search.new} onClose={() => open(undefined)} onMade={changed} />
      ) : null}
      {ending ? <End team={team} silence={ending} onClose={() => setEnding(null)} /> : null}
    </>
  );
}

function Empty({ team, past }: { team: string; past: boolean }): ReactNode {
  return (
    <div className="empty">
      <h2>{past ? en.silences.emptyPast : en.silences.empty}</h2>
      {past ? null : (
        <>
          <p>{en.silences.text}</p>
          <pre className="code text-start">{command("silence", "--team", team, "--type", "scan.*", "--for", "2h", "--why", "patch window")}</pre>
        </>
      )}
    </div>
  );
}

interface RowProps {
  readonly silence: Silence;
  readonly names: ChannelNames;
  readonly now: number;
  readonly mayEnd: boolean;
  readonly onEnd: () => void;
}

function Row({ silence, names, now, mayEnd, onEnd }: RowProps): ReactNode {
  const { comment, author, mode, state } = silence;
  const [start, end] = [millis(silence.startTime) ?? now, millis(silence.endTime) ?? now];
  const name = plain(comment);
  const times = {
    [SilenceState.ACTIVE]: en.took.until(moment(end, now)),
    [SilenceState.PENDING]: en.silences.from(moment(start, now), moment(end, now)),
    [SilenceState.EXPIRED]: en.silences.ended(moment(end, now)),
    [SilenceState.UNSPECIFIED]: "",
  }[state];
  return (
    <li className="card grid gap-2">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <b className="min-w-0 wrap-anywhere">{name}</b>
        <span className={`pill ${state === SilenceState.ACTIVE ? "s-held" : "s-cancelled"}`} title={`${whole(start)} – ${whole(end)}`}>
          <BellOff size={11} aria-hidden="true" />
          {times}
        </span>
        {mode === SilenceMode.DROP ? <span className="pill s-failed">{en.silences.dropping}</span> : null}
        <span className="text-sm text-muted wrap-anywhere">{en.silences.by(plain(author))}</span>
        {state === SilenceState.EXPIRED ? null : (
          <button
            type="button"
            className="btn btn-small ms-auto"
            disabled={!mayEnd}
            title={mayEnd ? undefined : en.denied.configure}
            onClick={onEnd}
          >
            {en.silences.end}
            <span className="sr-only">{en.silences.quoted(name)}</span>
          </button>
        )}
      </div>
      <div className="flex flex-wrap items-center gap-1.5">
        <Conditions match={filterValue(silence.match)} />
        <span aria-hidden="true" className="text-muted">
          →
        </span>
        <Places silence={silence} names={names} />
      </div>
    </li>
  );
}

function Places({ silence, names }: { silence: Silence; names: ChannelNames }): ReactNode {
  const { kinds, channelIds } = silence;
  if (kinds.length + channelIds.length === 0) return <span className="tag">{en.silences.everywhere}</span>;
  return (
    <>
      {kinds.map((kind) => {
        const word = kindWord(kind);
        return (
          <span key={kind} className="tag">
            <KindIcon kind={word} />
            {en.silences.ofKind(word ? en.kinds[word] : en.unknown(kind))}
          </span>
        );
      })}
      {channelIds.map((channelId) => (
        <span key={channelId} className="tag">
          <TargetName kind={kindWord(names.get(channelId)?.kind ?? 0)} target={{ channelId, address: "" }} names={names} />
        </span>
      ))}
    </>
  );
}

function End({ team, silence, onClose }: { team: string; silence: Silence; onClose: () => void }): ReactNode {
  const { silences } = useServices();
  const changed = useSilencesChanged(team);
  const name = plain(silence.comment);
  const end = useMutation({
    mutationFn: () => silences.expireSilence({ teamId: team, silenceId: silence.id }),
    onSuccess: () => done(en.silences.endedNow(name)),
    onError: (error) => refused(en.silences.refused, error),
    onSettled: async () => {
      onClose();
      await changed();
    },
  });
  const before = silence.state === SilenceState.PENDING;
  const text = silence.mode === SilenceMode.DROP ? en.silences.endDrop : en.silences.endHold;
  return (
    <Confirm open onClose={onClose} title={en.silences.endTitle(name)} verb={en.silences.endVerb} busy={end.isPending} onConfirm={() => end.mutate()}>
      <p>{before ? en.silences.endPending : text}</p>
      <p>{en.silences.endText}</p>
    </Confirm>
  );
}
