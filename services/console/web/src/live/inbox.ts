// A member's inbox: how many are unread, and what comes in.

import { type InfiniteData, type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { useEffect, useRef } from "react";
import { useApp, useSession } from "../api/context";
import type { ListNotificationsResponse } from "../api/gen/watchbell/dispatcher/v1/inbox_service_pb";
import { type Notification, NotificationSchema } from "../api/gen/watchbell/dispatcher/v1/notification_pb";
import { refuse } from "../api/session";
import { type FeedSource, follow, shareName } from "./feed";
import { refetched } from "./refetch";
import { Throttle } from "./throttle";

const INTERVAL = 1_000;

export type InboxView = "unread" | "all" | "archived";

/** The pages of a list. */
export type Pages = InfiniteData<ListNotificationsResponse, string>;

export const listKey = (team: string, member: string, epoch: number) => ["inbox", team, member, epoch] as const;
export const countKey = (team: string, member: string, epoch: number) => ["unread", team, member, epoch] as const;

export function useUnread(team: string, member: string): number | undefined {
  const { clients } = useApp();
  const { epoch } = useSession();
  const { data } = useQuery({
    queryKey: countKey(team, member, epoch),
    queryFn: async ({ signal }) => Number((await clients.inbox.getUnreadCount({ teamId: team, memberId: member }, { signal })).unreadCount),
    enabled: member !== "",
    staleTime: 0,
  });
  return data;
}

/** Adds what came in to the pages in memory. */
function prepend(cache: QueryClient, base: readonly unknown[], news: readonly Notification[]): void {
  cache.setQueriesData<Pages>({ queryKey: base }, (before) => {
    const [first, ...rest] = before?.pages ?? [];
    if (!before || !first) return before;
    // The row that was read knows what has been done with it.
    const known = new Set(before.pages.flatMap(({ notifications }) => notifications.map(({ id }) => id)));
    const newest = news.filter(({ id }) => !known.has(id)).toSorted((a, b) => Number(b.cursor - a.cursor));
    return { ...before, pages: [{ ...first, notifications: [...newest, ...first.notifications] }, ...rest] };
  });
}

/** Follows the inbox, one stream for all tabs; `heard` is told of what comes in. */
export function useInboxFeed(team: string, member: string, heard: (news: readonly Notification[]) => void): void {
  const { clients } = useApp();
  const { key, refused, epoch } = useSession();
  const cache = useQueryClient();
  const latest = useRef(heard);
  useEffect(() => {
    latest.current = heard;
  });
  useEffect(() => {
    if (key === null || refused || member === "") return;
    const lists = listKey(team, member, epoch);
    const count = new Throttle(() => refetched(cache, countKey(team, member, epoch)), INTERVAL);
    const list = new Throttle(() => refetched(cache, lists), INTERVAL);
    let after = "";
    const source: FeedSource<Notification> = {
      name: shareName("inbox", `${team}.${member}`, key),
      async *watch(signal, opened) {
        for await (const next of clients.inbox.watch({ teamId: team, memberId: member, after }, { signal, onHeader: opened })) {
          after = next.position || after;
          yield { item: next.notification, lagged: next.reset };
        }
      },
      pack: (notification) => toBinary(NotificationSchema, notification),
      unpack: (bytes) => fromBinary(NotificationSchema, bytes),
    };
    const leave = follow(source, {
      state: () => {},
      batch: (news) => {
        prepend(cache, lists, news);
        // Counted by the server: other tabs and devices mark, too.
        count.ask();
        // A list that is being read may have been read before these came in.
        if (cache.isFetching({ queryKey: lists }) > 0) list.ask();
        latest.current(news);
      },
      gap: () => {
        count.ask();
        list.ask();
      },
      refused: () => refuse(key),
    });
    return () => {
      leave();
      count.clear();
      list.clear();
    };
  }, [clients, cache, team, member, key, refused, epoch]);
}
