// Saves the draft of all rules: one document, all of it or nothing, and only on top of the rules that it was made from.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ChannelNames } from "../../api/channels";
import { useSession } from "../../api/context";
import { problemOf } from "../../api/errors";
import type { Rule } from "../../api/gen/watchbell/config/v1/rule_pb";
import { readRules, rulesKey } from "../../api/rules";
import { type Services, useServices } from "../../api/services";
import { type RulesDraft, renamed } from "../../domain/rules-draft";
import { rulesDocument } from "../../domain/rules-document";
import { lastChangeKey } from "./last-change";

/** The configuration changes all the time in a large team, mostly not its rules. */
const MOST_TRIES = 5;

/** Somebody else has changed rules since the draft was laid over them. */
export class RulesMoved extends Error {}

/** The document knows rules by their names: a rule that gets another name keeps its old one there, and so itself. */
export function documentToApply(draft: RulesDraft, names: ChannelNames): string {
  const before = new Map(renamed(draft).map(({ id, before: name }) => [id, name]));
  return rulesDocument(draft.mine, names.all, (rule) => before.get(rule.id) ?? rule.displayName);
}

const state = (rules: readonly Rule[]) => rules.map(({ id, etag }) => `${id} ${etag}`).join();

async function applied(services: Services, team: string, draft: RulesDraft, names: ChannelNames): Promise<void> {
  const document = documentToApply(draft, names);
  for (let tries = 1; ; tries += 1) {
    try {
      // oxlint-disable-next-line no-await-in-loop
      const { revision } = await services.routing.applyTeamConfig({ teamId: team, document, validateOnly: true });
      // Read after the revision: what is changed in between makes it another.
      // oxlint-disable-next-line no-await-in-loop
      if (state(await readRules(services, team)) !== state(draft.base)) throw new RulesMoved();
      // oxlint-disable-next-line no-await-in-loop
      await services.routing.applyTeamConfig({ teamId: team, document, expectedRevision: revision });
      break;
    } catch (error) {
      if (tries === MOST_TRIES || problemOf(error).reason !== "CONFIG_MOVED") throw error;
    }
  }
  const others = renamed(draft);
  if (others.length === 0) return;
  const now = await readRules(services, team);
  await Promise.all(
    others.map(({ place }) => {
      const [is, wanted] = [now[place - 1], draft.mine[place - 1]];
      if (!is || !wanted) throw new RulesMoved();
      return services.routing.updateRule({ teamId: team, rule: { id: is.id, displayName: wanted.displayName }, updateMask: { paths: ["display_name"] } });
    }),
  );
}

export function useApplyDraft(team: string, names: ChannelNames) {
  const services = useServices();
  const { epoch } = useSession();
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (draft: RulesDraft) => applied(services, team, draft, names),
    // Also when it was refused: the draft is laid over what is there now.
    onSettled: () => Promise.all([rulesKey(team, epoch), lastChangeKey(team)].map((queryKey) => cache.invalidateQueries({ queryKey }))),
  });
}
