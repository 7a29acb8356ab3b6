// What members hear by email.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useSession } from "./context";
import { type Services, useServices } from "./services";
import type { Preference } from "./gen/watchbell/config/v1/preference_pb";

export const preferencesKey = (team: string, member: string, epoch: number) => ["preferences", team, epoch, member] as const;

export function preferencesQuery(services: Services, team: string, member: string, epoch: number) {
  return {
    queryKey: preferencesKey(team, member, epoch),
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Preference[]> =>
      (await services.preferences.getPreferences({ teamId: team, memberId: member }, { signal })).preferences,
    enabled: member !== "",
  };
}

export interface PreferenceChange {
  readonly topic: string;
  readonly setting: number;
  readonly severities: number[];
}

export function useSetPreference(team: string, member: string) {
  const services = useServices();
  const { epoch } = useSession();
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (change: PreferenceChange) =>
      services.preferences.updatePreferences({ teamId: team, memberId: member, preferences: [change] }),
    onSuccess: ({ preferences }) => cache.setQueryData(preferencesKey(team, member, epoch), preferences),
  });
}
