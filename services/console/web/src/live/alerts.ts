// Alerts as they begin and change: what shows them is asked for again. One stream for all tabs.

import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { alertsKey } from "../api/alerts";
import { useSession } from "../api/context";
import { type Alert, AlertSchema } from "../api/gen/watchbell/dispatcher/v1/alert_pb";
import { useServices } from "../api/services";
import { refuse } from "../api/session";
import { type FeedSource, follow, shareName } from "./feed";
import { refetched } from "./refetch";
import { Throttle } from "./throttle";

const INTERVAL = 1_000;

export function useAlertFeed(team: string): void {
  const { alerts } = useServices();
  const { key, refused, epoch } = useSession();
  const cache = useQueryClient();
  useEffect(() => {
    if (key === null || refused) return;
    const lists = new Throttle(() => refetched(cache, alertsKey(team, epoch)), INTERVAL);
    const source: FeedSource<Alert> = {
      name: shareName("alerts", team, key),
      async *watch(signal, opened) {
        for await (const { alert, lagged } of alerts.watchAlerts({ teamId: team }, { signal, onHeader: opened })) yield { item: alert, lagged };
      },
      pack: (alert) => toBinary(AlertSchema, alert),
      unpack: (bytes) => fromBinary(AlertSchema, bytes),
    };
    const leave = follow(source, {
      state: () => {},
      batch: () => lists.ask(),
      gap: () => lists.ask(),
      refused: () => refuse(key),
    });
    return () => {
      leave();
      lists.clear();
    };
  }, [alerts, cache, team, key, refused, epoch]);
}
