// Who signed in, and what they may do. The server decides in any case; this is what controls show.

import { useQuery } from "@tanstack/react-query";
import type { Clients } from "./clients";
import { useApp, useSession } from "./context";
import { Scope } from "./gen/watchbell/config/v1/api_key_pb";
import type { Member } from "./gen/watchbell/config/v1/member_pb";
import { isPortalSession } from "./session";
import { millis } from "./times";

export interface Self {
  /** The key's or the member's name. */
  readonly name: string;
  /** A signed-in person; null for a key. */
  readonly member: Member | null;
  /** The one team of the credential; empty for a key of the platform. */
  readonly team: string;
  readonly scopes: ReadonlySet<Scope>;
  /** May manage members and API keys. */
  readonly administers: boolean;
  /** When the credential ends, if it does. */
  readonly expires: number | null;
  /** A session that changes nothing, not even what is the member's own. */
  readonly readOnly: boolean;
}

export async function readSelf(clients: Clients, signal?: AbortSignal): Promise<Self> {
  const answer = await clients.teams.getSelf({}, { signal });
  const { principal } = answer;
  const member = principal.case === "member" ? principal.value : null;
  const key = principal.case === "apiKey" ? principal.value : null;
  return {
    name: member ? member.displayName || member.email : (key?.displayName ?? ""),
    member,
    team: answer.teamId,
    scopes: new Set(answer.scopes),
    administers: answer.administers,
    expires: millis(answer.expireTime),
    readOnly: answer.readOnly,
  };
}

/** Whether whoever comes after may see everything that was read before. */
export function maySeeAllOf(before: Self, after: Self): boolean {
  return before.team === after.team && before.member?.id === after.member?.id && [...before.scopes].every((scope) => after.scopes.has(scope)) && (after.administers || !before.administers);
}

export function selfKey(epoch: number) {
  return ["self", epoch] as const;
}

export function selfQuery(clients: Clients, epoch: number) {
  return { queryKey: selfKey(epoch), queryFn: ({ signal }: { signal: AbortSignal }) => readSelf(clients, signal), staleTime: 5 * 60_000 };
}

export function useSelf(): Self | undefined {
  const { clients } = useApp();
  const { key, epoch } = useSession();
  const { data } = useQuery({ ...selfQuery(clients, epoch), enabled: key !== null });
  return data;
}

export interface May {
  /** Read the configuration. */
  readonly read: boolean;
  /** Change channels and rules. */
  readonly configure: boolean;
  /** Read events and deliveries. */
  readonly log: boolean;
  /** Replay, cancel, recover, test. */
  readonly act: boolean;
  /** Acknowledge, snooze and resolve alerts, which every member may. */
  readonly takeOn: boolean;
  /** Manage people. */
  readonly administer: boolean;
  /** Manage API keys, which no session does. */
  readonly keys: boolean;
  /** Make links that sign members in, which only keys do. */
  readonly signInLinks: boolean;
  /** Read inboxes. */
  readonly inbox: boolean;
  /** Change what is a member's own: marks in the inbox, preferences. */
  readonly own: boolean;
}

const EVERYTHING: May = { read: true, configure: true, log: true, act: true, takeOn: true, administer: true, keys: true, signInLinks: true, inbox: true, own: true };

/** Until the server has answered nothing is said to be forbidden. */
export function useMay(): May {
  const self = useSelf();
  const { key } = useSession();
  if (!self) return EVERYTHING;
  return {
    read: self.scopes.has(Scope.CONFIG_READ),
    configure: self.scopes.has(Scope.CONFIG_WRITE),
    log: self.scopes.has(Scope.DELIVERIES_READ),
    act: self.scopes.has(Scope.DELIVERIES_WRITE),
    takeOn: self.member === null ? self.scopes.has(Scope.DELIVERIES_WRITE) : !self.readOnly,
    administer: self.administers,
    keys: self.administers && !isPortalSession(key),
    signInLinks: self.member === null && self.scopes.has(Scope.CONFIG_WRITE),
    inbox: self.scopes.has(Scope.INBOX),
    own: !self.readOnly,
  };
}
