import type { ReactNode } from "react";
import { type ConfigChange, ConfigChangeAction } from "../api/gen/watchbell/config/v1/routing_service_pb";
import * as en from "../messages/en";
import { plain } from "./format";

const TONE: Partial<Record<ConfigChangeAction, string>> = {
  [ConfigChangeAction.CREATE]: "s-delivered",
  [ConfigChangeAction.UPDATE]: "s-pending",
  [ConfigChangeAction.DELETE]: "s-failed",
};

/** What a change makes of one thing, field by field. */
export function Change({ change }: { change: ConfigChange }): ReactNode {
  return (
    <>
      <p className="flex flex-wrap items-center gap-2">
        <span className={`pill ${TONE[change.action] ?? "s-unknown"}`}>{en.config.actions[change.action] ?? en.unknown(change.action)}</span>
        <b className="wrap-anywhere">{plain(change.subject)}</b>
      </p>
      {change.fields.length > 0 ? (
        <dl className="diff">
          {change.fields.map(({ field, before, after }) => (
            <div key={field} className="contents">
              <dt className="mono text-muted wrap-anywhere">{field}</dt>
              <dd className="grid gap-0.5">
                {before === "" ? null : (
                  <del className="diff-old">
                    <span className="sr-only">{en.config.before}</span>
                    {plain(before)}
                  </del>
                )}
                {after === "" ? null : (
                  <ins className="diff-new">
                    <span className="sr-only">{en.config.after}</span>
                    {plain(after)}
                  </ins>
                )}
              </dd>
            </div>
          ))}
        </dl>
      ) : null}
    </>
  );
}
