import { type ConfigActor, ConfigActorKind } from "../../api/gen/watchbell/config/v1/config_actor_pb";
import * as en from "../../messages/en";
import { plain } from "../../parts/format";

/** Who changed something, in words. */
export function actorName(actor: ConfigActor | undefined): string {
  const name = plain(actor?.displayName ?? "");
  return actor?.kind === ConfigActorKind.API_KEY ? en.history.key(name || (actor?.id ?? "")) : name || en.history.platform;
}
