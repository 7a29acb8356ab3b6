import type { ReactNode } from "react";
import { categoryWord, severityWord } from "../../api/words";
import type { FilterValue } from "../../domain/channel";
import * as en from "../../messages/en";
import { plain } from "../../parts/format";

/** What a filter asks for, as chips. */
export function Conditions({ match }: { match: FilterValue }): ReactNode {
  const none = match.types.length + match.severities.length + match.categories.length + match.sources.length === 0 && match.expression === "";
  return (
    <>
      {none ? <span className="tag">{en.routing.everything}</span> : null}
      {match.types.map((type) => (
        <span key={type} className="tag mono">
          {plain(type)}
        </span>
      ))}
      {match.severities.map((severity) => {
        const word = severityWord(severity);
        return (
          <span key={severity} className="tag">
            {word ? en.severities[word] : en.unknown(severity)}
          </span>
        );
      })}
      {match.categories.map((category) => {
        const word = categoryWord(category);
        return (
          <span key={category} className="tag">
            {word ? en.categories[word] : en.unknown(category)}
          </span>
        );
      })}
      {match.sources.map((source) => (
        <span key={source} className="tag">
          {en.routing.from(plain(source))}
        </span>
      ))}
      {match.expression ? <code className="tag mono wrap-anywhere">{plain(match.expression)}</code> : null}
    </>
  );
}
