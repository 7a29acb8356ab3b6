// A team's rules, in the order in which they are asked.

import { type MessageInitShape, create, fromJsonString, toJsonString } from "@bufbuild/protobuf";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useSession } from "./context";
import { type Rule, RuleSchema } from "./gen/watchbell/config/v1/rule_pb";
import { useServices } from "./services";
import { LARGEST_PAGE, everyPage } from "./every-page";

export const rulesKey = (team: string, epoch: number) => ["rules", team, epoch] as const;

export function useRules(team: string, enabled = true) {
  const services = useServices();
  const { epoch } = useSession();
  return useQuery({
    queryKey: rulesKey(team, epoch),
    queryFn: ({ signal }) =>
      everyPage(
        (pageToken) => services.routing.listRules({ teamId: team, pageSize: LARGEST_PAGE, pageToken }, { signal }),
        ({ rules }) => rules,
      ),
    staleTime: 5_000,
    refetchInterval: 30_000,
    enabled,
  });
}

/** After a change: reads the rules again. */
export function useRulesChanged(team: string) {
  const cache = useQueryClient();
  return () => cache.invalidateQueries({ queryKey: ["rules", team] });
}

export type RuleDraft = MessageInitShape<typeof RuleSchema>;

/** A draft as text, by which two of them are compared. */
export function draftText(draft: RuleDraft): string {
  return toJsonString(RuleSchema, create(RuleSchema, draft));
}

export function draftOf(text: string): Rule {
  return fromJsonString(RuleSchema, text);
}
