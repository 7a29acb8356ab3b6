// Why there is nothing in the log, and the one next step.

import type { ReactNode } from "react";
import { word } from "../../domain/cli";
import * as en from "../../messages/en";
import { CopyButton } from "../../parts/copy";
import { type LogSearch, USUAL_RANGE } from "./search";

interface Props {
  readonly team: string;
  readonly search: LogSearch;
  /** Whether words narrow the list, not only the time. */
  readonly words: boolean;
  readonly onSearch: (next: LogSearch) => void;
  readonly onTest: (() => void) | undefined;
}

export function emitCommand(team: string): string {
  const data = JSON.stringify({ finding_id: "fnd-1", title: "Public bucket", resource: "s3://audit-logs" });
  return [
    `watchbell emit --team ${word(team)} --type finding.created --severity high`,
    `  --title ${word("Public bucket")} --data ${word(data)}`,
  ].join(" \\\n");
}

export function NothingHere({ team, search, words, onSearch, onTest }: Props): ReactNode {
  const range = search.range ?? USUAL_RANGE;
  const timed = range !== "all" || search.from !== undefined || search.to !== undefined;
  if (words) {
    return (
      <div className="empty">
        <h2>{en.empty.filter}</h2>
        {timed ? <p>{en.empty.rangeText}</p> : null}
        <p className="flex flex-wrap justify-center gap-2">
          {timed ? (
            <button type="button" className="btn" onClick={() => onSearch({ ...search, range: "all", from: undefined, to: undefined } as LogSearch)}>
              {en.empty.longer}
            </button>
          ) : null}
          <button type="button" className="btn" onClick={() => onSearch(search.view ? { view: search.view } : {})}>
            {en.log.clear}
          </button>
        </p>
      </div>
    );
  }
  if (timed) {
    return (
      <div className="empty">
        <h2>{en.empty.range(search.from || search.to ? en.empty.chosen : en.log.ranges[range])}</h2>
        <p>{en.empty.rangeText}</p>
        <p className="flex flex-wrap justify-center gap-2">
          <button type="button" className="btn btn-primary" onClick={() => onSearch({ range: "all" })}>
            {en.empty.longer}
          </button>
          {onTest ? (
            <button type="button" className="btn" onClick={onTest}>
              {en.empty.sendTest}
            </button>
          ) : null}
        </p>
      </div>
    );
  }
  const command = emitCommand(team);
  return (
    <div className="empty">
      <h2>{en.empty.noneTitle}</h2>
      <p>{en.empty.noneText}</p>
      <pre className="code text-start">{command}</pre>
      <p className="flex flex-wrap justify-center gap-2">
        <CopyButton text={command} />
        {onTest ? (
          <button type="button" className="btn" onClick={onTest}>
            {en.empty.sendTest}
          </button>
        ) : null}
      </p>
    </div>
  );
}
