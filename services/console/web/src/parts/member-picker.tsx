import { type ReactNode, useId } from "react";
import { problemOf } from "../api/errors";
import { useMe } from "../api/me";
import { nameOf, useMembers } from "../api/members";
import * as en from "../messages/en";

/** Asks whoever holds a key whose inbox they look at; a signed-in member is not asked. */
export function MemberPicker({ team }: { team: string }): ReactNode {
  const id = useId();
  const { member, choose } = useMe(team);
  const { data: members, error } = useMembers(team, choose !== null);
  if (choose === null) return null;
  return (
    <div className="grid gap-1 p-2">
      <label htmlFor={id} className="field-label">
        {en.bell.whose}
      </label>
      <select id={id} className="input" value={member} onChange={(event) => choose(event.target.value)}>
        <option value="">{en.bell.nobody}</option>
        {(members ?? []).map((one) => (
          <option key={one.id} value={one.id}>
            {nameOf(one)}
          </option>
        ))}
      </select>
      <p className="field-hint">{error ? problemOf(error).text : en.bell.whoseHint}</p>
    </div>
  );
}
