// The draft of all rules, at the foot of the page: what it would have made of the last events, and the ways to save or leave it.

import { type ReactNode, useState } from "react";
import type { ChannelNames } from "../../api/channels";
import { problemOf } from "../../api/errors";
import type { BacktestResult } from "../../api/gen/watchbell/router/v1/backtest_pb";
import { useMay } from "../../api/self";
import { shifts, worse } from "../../domain/backtest";
import { type RuleChange, type RulesDraft, changesOf, settledRule, undone } from "../../domain/rules-draft";
import * as en from "../../messages/en";
import { Judged, useJudged } from "../../parts/backtest";
import { Confirm, Sheet } from "../../parts/dialog";
import { plain } from "../../parts/format";
import { useSettled } from "../../parts/settled";
import { done, refused } from "../../parts/toast";
import { RulesMoved, useApplyDraft } from "./apply-draft";
import { DraftDifferences } from "./draft-differences";

/** So many of the newest events are judged by themselves, whenever the draft is another. */
const JUDGED = 5_000;
/** So many of those who would get more or fewer are named. */
const NAMED = 2;

interface Props {
  readonly team: string;
  readonly names: ChannelNames;
  readonly draft: RulesDraft;
  readonly changes: readonly RuleChange[];
  /** The rules as they would be; empty while that is not known. */
  readonly document: string;
  readonly onChange: (by: (draft: RulesDraft) => RulesDraft) => void;
  readonly onDone: () => void;
}

export function DraftBar({ team, names, draft, changes, document, onChange, onDone }: Props): ReactNode {
  const may = useMay();
  const settled = useSettled(document, 600);
  const judged = useJudged(team, settled, JUDGED);
  const apply = useApplyDraft(team, names);
  const [asking, setAsking] = useState<"impact" | "differences" | "discard" | null>(null);
  const close = () => setAsking(null);
  const isOld = judged.isPlaceholderData || settled !== document;
  const save = () =>
    apply.mutate(draft, {
      onSuccess: () => {
        done(en.rulesDraft.applied(changes.length));
        onDone();
      },
      onError: (problem) => {
        if (problem instanceof RulesMoved) done(en.rulesDraft.moved);
        else refused(en.rulesDraft.refused, problem);
      },
    });
  return (
    <section className="draft-bar" aria-label={en.rulesDraft.title}>
      {draft.conflicts.map((id) => (
        <Conflict key={id} name={nameOf(draft, id)} onSettle={(whose) => onChange((before) => settledRule(before, id, whose))} />
      ))}
      <p className="draft-said">
        <b className="whitespace-nowrap">{en.rulesDraft.count(changes.length)}</b>{" "}
        <span role="status" className={isOld ? "opacity-60" : ""}>
          {may.log ? said(judged) : ""}
        </span>
      </p>
      <div className="draft-acts">
        {judged.data && Number(judged.data.changedCount) > 0 ? (
          <button type="button" className="draft-act" onClick={() => setAsking("impact")}>
            {en.rulesDraft.show}
          </button>
        ) : null}
        {judged.error ? (
          <button type="button" className="draft-act" onClick={() => void judged.refetch()}>
            {en.rulesDraft.again}
          </button>
        ) : null}
        <button type="button" className="draft-act" onClick={() => setAsking("differences")}>
          {en.rulesDraft.diff}
        </button>
        <button type="button" className="draft-act" disabled={apply.isPending} onClick={() => setAsking("discard")}>
          {en.rulesDraft.discard}
        </button>
        <button
          type="button"
          className="draft-act draft-apply"
          disabled={!may.configure || apply.isPending || draft.conflicts.length > 0 || document === ""}
          title={may.configure ? undefined : en.denied.configure}
          onClick={save}
        >
          {apply.isPending ? en.rulesDraft.applying : en.rulesDraft.apply}
        </button>
      </div>
      {asking === "impact" && judged.data ? (
        <Sheet open onClose={close} title={en.rulesDraft.impact} wide>
          <Judged result={judged.data} />
        </Sheet>
      ) : null}
      {asking === "differences" ? (
        <DraftDifferences
          team={team}
          names={names}
          draft={draft}
          changes={changes}
          onUndo={(change) => {
            if (changes.length === 1) close();
            onChange((before) => (changesOf(before).some(({ id, what }) => id === change.id && what === change.what) ? undone(before, change) : before));
          }}
          onClose={close}
        />
      ) : null}
      {asking === "discard" ? (
        <Confirm open onClose={close} title={en.rulesDraft.discardTitle(changes.length)} verb={en.rulesDraft.discard} danger onConfirm={onDone}>
          <p>{en.rulesDraft.discardText}</p>
        </Confirm>
      ) : null}
    </section>
  );
}

function nameOf({ base, mine }: RulesDraft, id: string): string {
  return plain([...mine, ...base].find((rule) => rule.id === id)?.displayName ?? "");
}

function Conflict({ name, onSettle }: { name: string; onSettle: (whose: "mine" | "theirs") => void }): ReactNode {
  return (
    <p role="alert" className="draft-said">
      <span>{en.rulesDraft.conflict(name)}</span>
      <button type="button" className="draft-act" onClick={() => onSettle("mine")}>
        {en.channel.keepMine}
      </button>
      <button type="button" className="draft-act" onClick={() => onSettle("theirs")}>
        {en.channel.takeTheirs}
      </button>
    </p>
  );
}

function said({ data, error, isFetching, judged }: ReturnType<typeof useJudged>): string {
  if (isFetching && !data) return judged > 0 ? en.rulesDraft.judged(judged) : en.rulesDraft.judging;
  if (error) return problemOf(error).violations.length > 0 ? en.rulesDraft.incomplete : en.rulesDraft.unjudged;
  return data ? impact(data) : "";
}

/** What the draft would have made of them, in a line. */
function impact(result: BacktestResult): string {
  const [events, changed] = [Number(result.eventCount), Number(result.changedCount)];
  if (events === 0) return en.rulesDraft.noEvents;
  if (changed === 0) return en.rulesDraft.same(events);
  const all = shifts(result).map(({ target, before, after }) => ({ who: plain(target.displayName) || en.inbox, by: after - before })).toSorted((one, other) => Number(other.by > 0) - Number(one.by > 0));
  const named = all.slice(0, NAMED).map(({ who, by }) => (by > 0 ? en.rulesDraft.more(by, who) : en.rulesDraft.less(-by, who)));
  const { unreached } = worse(result);
  const parts = [
    ...named,
    ...(all.length > NAMED ? [en.rulesDraft.others(all.length - NAMED)] : []),
    ...(all.every(({ by }) => by > 0) ? [en.rulesDraft.nobodyLess] : []),
  ];
  return `${en.rulesDraft.changed(events, changed)} ${parts.join(", ")}.${unreached > 0 ? ` ${en.rulesDraft.unreached(unreached)}` : ""}`;
}
