// What applying the draft changes: each change with a way to take it back, and the fields as the server sees them.

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { ChannelNames } from "../../api/channels";
import { useSession } from "../../api/context";
import { useServices } from "../../api/services";
import { problemOf } from "../../api/errors";
import type { RuleChange, RulesDraft } from "../../domain/rules-draft";
import * as en from "../../messages/en";
import { Change } from "../../parts/config-change";
import { Sheet } from "../../parts/dialog";
import { plain } from "../../parts/format";
import { documentToApply } from "./apply-draft";

const TONE = { made: "s-delivered", changed: "s-pending", moved: "s-pending", removed: "s-failed" } as const;

interface Props {
  readonly team: string;
  readonly names: ChannelNames;
  readonly draft: RulesDraft;
  readonly changes: readonly RuleChange[];
  readonly onUndo: (change: RuleChange) => void;
  readonly onClose: () => void;
}

export function DraftDifferences({ team, names, draft, changes, onUndo, onClose }: Props): ReactNode {
  const services = useServices();
  const { epoch } = useSession();
  const document = documentToApply(draft, names);
  const { data, error } = useQuery({
    queryKey: ["draft-differences", team, epoch, document],
    queryFn: ({ signal }) => services.routing.applyTeamConfig({ teamId: team, document, validateOnly: true }, { signal }),
    staleTime: 0,
  });
  const problem = error ? problemOf(error) : null;
  return (
    <Sheet open onClose={onClose} title={en.rulesDraft.diffTitle} wide>
      <ul className="grid gap-2">
        {changes.map((change) => {
          const name = plain(change.name);
          return (
            <li key={`${change.what} ${change.id}`} className="flex flex-wrap items-center gap-2">
              <span className={`pill ${TONE[change.what]}`}>{en.rulesDraft.words[change.what]}</span>
              <b className="wrap-anywhere">{name}</b>
              <span className="text-muted">{about(change)}</span>
              <button type="button" className="btn btn-small ms-auto" aria-label={en.rulesDraft.undoLabel(name)} onClick={() => onUndo(change)}>
                {en.rulesDraft.undo}
              </button>
            </li>
          );
        })}
      </ul>
      {problem ? (
        <div role="alert" className="card card-warn wrap-anywhere">
          {problem.violations.length === 0 ? problem.text : problem.violations.map(({ path, text }) => <p key={`${path} ${text}`}>{`${path}: ${text}`}</p>)}
        </div>
      ) : null}
      {data?.warnings.map((warning) => (
        <p key={warning} className="card card-warn">
          {plain(warning)}
        </p>
      ))}
      <ul className="grid gap-2">
        {data?.changes
          .filter(({ fields }) => fields.length > 0)
          .map((change) => (
            <li key={`${change.action} ${change.subject}`} className="card">
              <Change change={change} />
            </li>
          ))}
      </ul>
    </Sheet>
  );
}

function about({ what, parts, from, to }: RuleChange): string {
  if (what === "made") return en.rulesDraft.made(to);
  if (what === "moved") return en.rulesDraft.movedTo(from, to);
  return parts.map((part) => en.rule.fields[part]).join(", ");
}
