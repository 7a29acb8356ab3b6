// Expressions that have failed on events, which counts as no match: somebody may miss an alert without it.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useStatus } from "../api/status";
import * as en from "../messages/en";
import { plain } from "./format";

interface Props {
  readonly team: string;
  readonly of: "channels" | "rules";
}

export function ExpressionFailures({ team, of }: Props): ReactNode {
  const { data } = useStatus(team);
  const failures = data?.expressionFailures.filter(({ owner }) => owner.case === (of === "rules" ? "ruleId" : "channelId")) ?? [];
  if (failures.length === 0) return null;
  return (
    <section className="card card-warn mb-4 grid gap-2" aria-label={en.failures.title}>
      <b>{en.failures.title}</b>
      <p className="text-muted">{en.failures.text}</p>
      <ul className="grid gap-2">
        {failures.map(({ owner, displayName, expression, error, count }) => (
          <li key={`${owner.value} ${expression}`} className="grid gap-0.5">
            <span className="flex flex-wrap items-center gap-2">
              {owner.case === "channelId" ? (
                <Link className="link" to="/t/$team/channels/$channel" params={{ team, channel: owner.value }} search={{ tab: "filter" }}>
                  {plain(displayName)}
                </Link>
              ) : (
                <b>{plain(displayName)}</b>
              )}
              <code className="tag mono wrap-anywhere">{plain(expression)}</code>
              <span className="text-muted">{en.failures.count(Number(count))}</span>
            </span>
            <span className="text-sm text-muted wrap-anywhere">{plain(error)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
