// What a rule that is not saved would do with the event of the playground: asked of the server, which judges the draft as if it
// were saved.

import type { ReactNode } from "react";
import type { ChannelNames } from "../../api/channels";
import { problemOf } from "../../api/errors";
import type { Rule } from "../../api/gen/watchbell/config/v1/rule_pb";
import { type Difference, difference, draftVerdict } from "../../domain/verdict";
import * as en from "../../messages/en";
import { Backtest } from "../../parts/backtest";
import { plain } from "../../parts/format";
import { TargetName } from "../../parts/target";
import { type Play, useExplained } from "./play";

interface Props {
  readonly team: string;
  readonly names: ChannelNames;
  readonly play: Play;
  /** The rules that are saved. */
  readonly saved: readonly Rule[];
  /** As it would be. */
  readonly rule: Rule;
  /** All rules as the draft has them without it; empty when these are those that are saved. */
  readonly before: string;
  /** All rules as they would be with it. */
  readonly document: string;
}

export function RuleTrial({ team, names, play, saved: known, rule, before, document }: Props): ReactNode {
  const saved = useExplained(team, play, before);
  const drafted = useExplained(team, play, document);
  const problem = drafted.error ? problemOf(drafted.error) : null;
  const said = drafted.data ? draftVerdict(drafted.data.steps, rule.id, rule.displayName, new Set(known.map(({ id }) => id))) : null;
  const changes = saved.data && drafted.data ? difference(saved.data, drafted.data) : null;
  return (
    <>
      <section className="card grid gap-1" aria-label={en.trial.title}>
        <h3>
          {en.trial.title} <span className="mono text-muted">{play.type}</span>
        </h3>
        <div role="status" className={problem ? "grid gap-1 opacity-60" : "grid gap-1"}>
          {said ? <p>{said.sentences.map(plain).join(" ")}</p> : null}
          {changes ? <Changes changes={changes} names={names} /> : null}
        </div>
        {problem ? <p className="text-muted">{problem.violations.length > 0 ? en.trial.unfinished : problem.text}</p> : null}
      </section>
      {problem ? null : <Backtest key={document} team={team} draft={{ document }} />}
    </>
  );
}

function Changes({ changes, names }: { changes: Difference; names: ChannelNames }): ReactNode {
  const { gained, lost } = changes;
  if (gained.length === 0 && lost.length === 0) return <p className="text-muted">{en.trial.same}</p>;
  return (
    <ul className="grid gap-1">
      {[
        ...gained.map((who) => ({ who, word: en.trial.gained, tone: "s-delivered" })),
        ...lost.map((who) => ({ who, word: en.trial.lost, tone: "s-failed" })),
      ].map(({ who, word, tone }) => (
        <li key={`${tone} ${who.kind} ${who.target.channelId} ${who.target.address}`} className="flex items-center gap-2">
          <span className={`pill ${tone}`}>{word}</span>
          <TargetName kind={who.kind} target={who.target} names={names} />
        </li>
      ))}
    </ul>
  );
}
