// A member's own notifications: the inbox, and what they hear by email.

import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useSession } from "../../api/context";
import { useServices } from "../../api/services";
import { useMe } from "../../api/me";
import { preferencesQuery, useSetPreference } from "../../api/preferences";
import { useMay } from "../../api/self";
import * as en from "../../messages/en";
import { Broken } from "../../parts/broken";
import { InboxList } from "../../parts/inbox-list";
import { MemberPicker } from "../../parts/member-picker";
import { useNow } from "../../parts/now";
import { PreferenceControl, topicName } from "../../parts/preference";
import { Sounds } from "../../parts/sounds";
import { refused } from "../../parts/toast";

export function MePage(): ReactNode {
  const { team } = useParams({ from: "/t/$team" });
  const { view = "unread" } = useSearch({ from: "/t/$team/me" });
  const navigate = useNavigate({ from: "/t/$team/me" });
  const { member, choose } = useMe(team);
  const may = useMay();
  const now = useNow(15_000);
  return (
    <>
      <header className="page-head">
        <h1>{en.me.title}</h1>
      </header>
      <div className="page-body">
        {choose === null ? null : (
          <div className="card mb-4 max-w-[480px]">
            <MemberPicker team={team} />
          </div>
        )}
        {member === "" ? null : (
          <div className="columns">
            {may.inbox ? (
              <section className="card !p-0" aria-label={en.me.inbox}>
                <h2 className="px-3 pt-3">{en.me.inbox}</h2>
                <div className="px-3 py-2">
                  <Sounds />
                </div>
                <InboxList team={team} member={member} view={view} onView={(next) => void navigate({ search: next === "unread" ? {} : { view: next } })} now={now} />
              </section>
            ) : null}
            <Topics team={team} member={member} />
          </div>
        )}
      </div>
    </>
  );
}

function Topics({ team, member }: { team: string; member: string }): ReactNode {
  const services = useServices();
  const { epoch } = useSession();
  const may = useMay();
  const { choose } = useMe(team);
  const { data, error, refetch } = useQuery(preferencesQuery(services, team, member, epoch));
  const set = useSetPreference(team, member);
  // Members change their own without any permission.
  const allowed = choose === null ? may.own : may.configure;
  return (
    <section className="card" aria-label={en.me.topics}>
      <h2>{en.me.topics}</h2>
      <p className="mb-3 text-muted">{en.me.topicsText}</p>
      {error && !data ? <Broken error={error} again={() => void refetch()} /> : null}
      <ul className="grid gap-3">
        {data?.map((preference) => (
          <li key={preference.topic} className="grid items-start gap-x-3 gap-y-1 md:grid-cols-[minmax(0,1fr)_220px]">
            <span className="font-semibold md:pt-1.5">{topicName(preference.topic)}</span>
            <PreferenceControl
              preference={preference}
              label={topicName(preference.topic)}
              disabled={!allowed}
              onChange={(wanted) => set.mutate(wanted, { onError: (problem) => refused(en.preferences.refused, problem) })}
            />
          </li>
        ))}
      </ul>
    </section>
  );
}
