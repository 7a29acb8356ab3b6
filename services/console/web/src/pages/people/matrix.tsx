// Members by topics: who hears what by email. A few members at a time, since each one's preferences are asked for.

import { useQueries } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useSession } from "../../api/context";
import { useServices } from "../../api/services";
import type { Preference } from "../../api/gen/watchbell/config/v1/preference_pb";
import type { Member } from "../../api/gen/watchbell/config/v1/member_pb";
import { nameOf } from "../../api/members";
import { preferencesQuery, useSetPreference } from "../../api/preferences";
import { useMay, useSelf } from "../../api/self";
import * as en from "../../messages/en";
import { Sheet } from "../../parts/dialog";
import { plain } from "../../parts/format";
import { PreferenceControl, settingText, topicName } from "../../parts/preference";
import { refused } from "../../parts/toast";

const PAGE = 25;

interface Edited {
  readonly member: Member;
  readonly topic: string;
}

export function Matrix({ team, members }: { team: string; members: readonly Member[] }): ReactNode {
  const services = useServices();
  const { epoch } = useSession();
  const [from, setFrom] = useState(0);
  const [editing, setEditing] = useState<Edited | null>(null);
  const shown = members.slice(from, from + PAGE);
  const answers = useQueries({ queries: shown.map(({ id }) => preferencesQuery(services, team, id, epoch)) });
  const topics = answers.find(({ data }) => data)?.data?.map(({ topic }) => topic) ?? [];
  const edited = editing ? answers[shown.findIndex(({ id }) => id === editing.member.id)]?.data?.find(({ topic }) => topic === editing.topic) : undefined;
  return (
    <>
      <p className="mb-2 text-muted">{en.people.matrixText}</p>
      <div className="matrix" role="region" aria-label={en.people.views.matrix} tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">{en.people.name}</th>
              {topics.map((topic) => (
                <th key={topic} scope="col">
                  {topicName(topic)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((member, index) => {
              const { data, error } = answers[index] ?? {};
              return (
                <tr key={member.id}>
                  <th scope="row" className="cut" title={plain(member.email)}>
                    {plain(nameOf(member))}
                  </th>
                  {error ? (
                    <td colSpan={Math.max(1, topics.length)} className="text-muted">
                      {en.people.notYours}
                    </td>
                  ) : null}
                  {data?.map((preference) => (
                    <td key={preference.topic}>
                      <CellButton preference={preference} name={plain(nameOf(member))} onClick={() => setEditing({ member, topic: preference.topic })} />
                    </td>
                  ))}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {members.length > PAGE ? (
        <p className="mt-2 flex items-center gap-2">
          <button type="button" className="btn btn-small" disabled={from === 0} onClick={() => setFrom(from - PAGE)}>
            {en.people.before}
          </button>
          <span className="text-muted">{en.people.range(from + 1, Math.min(members.length, from + PAGE), members.length)}</span>
          <button type="button" className="btn btn-small" disabled={from + PAGE >= members.length} onClick={() => setFrom(from + PAGE)}>
            {en.people.after}
          </button>
        </p>
      ) : null}
      {editing && edited ? <Edit team={team} member={editing.member} preference={edited} onClose={() => setEditing(null)} /> : null}
    </>
  );
}

function CellButton({ preference, name, onClick }: { preference: Preference; name: string; onClick: () => void }): ReactNode {
  const text = settingText(preference);
  return (
    <button
      type="button"
      className="matrix-cell"
      data-own={!preference.isDefault}
      aria-label={`${name}, ${topicName(preference.topic)}: ${text}${preference.isDefault ? `, ${en.preferences.isDefault}` : ""}`}
      onClick={onClick}
    >
      {text}
    </button>
  );
}

function Edit({ team, member, preference, onClose }: { team: string; member: Member; preference: Preference; onClose: () => void }): ReactNode {
  const may = useMay();
  const self = useSelf();
  const set = useSetPreference(team, member.id);
  const allowed = self?.member ? may.own && self.member.id === member.id : may.configure;
  return (
    <Sheet open onClose={onClose} title={plain(nameOf(member))} description={topicName(preference.topic)}>
      <PreferenceControl
        preference={preference}
        label={topicName(preference.topic)}
        disabled={!allowed}
        onChange={(wanted) => set.mutate(wanted, { onError: (problem) => refused(en.preferences.refused, problem) })}
      />
      <div className="dialog-foot">
        <button type="button" className="btn" onClick={onClose}>
          {en.close}
        </button>
      </div>
    </Sheet>
  );
}
