// What a rule that is not saved would do with the event of the playground: asked of the server, which judges the draft as if it
// were saved.

import type { ReactNode } from "react";
import type { ChannelNames } from "../../api/channels";
import { problemOf } from "../../api/errors";
import { type RuleDraft, draftText, useRules } from "../../api/rules";
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
  readonly draft: RuleDraft;
}

export function RuleTrial({ team, names, play, draft }: Props): ReactNode {
  const { data: rules = [] } = useRules(team);
  const saved = useExplained(team, play);
  const drafted = useExplained(team, play, draft);
  const problem = drafted.error ? problemOf(drafted.error) : null;
  const said = drafted.data ? draftVerdict(drafted.data.steps, draft.id || null, new Set(rules.map(({ id }) => id))) : null;
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
      {problem ? null : <Backtest key={draftText(draft)} team={team} draft={{ draftRules: [draft] }} />}
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
