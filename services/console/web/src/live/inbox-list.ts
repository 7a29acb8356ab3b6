// The lists of an inbox, and what a member does with what is in them.

import { type InfiniteData, useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useApp, useSession } from "../api/context";
import type { ListNotificationsResponse } from "../api/gen/watchbell/dispatcher/v1/inbox_service_pb";
import type { Notification } from "../api/gen/watchbell/dispatcher/v1/notification_pb";
import { type InboxView, type Pages, countKey, listKey } from "./inbox";

const PAGE = 50;

export function useNotifications(team: string, member: string, view: InboxView) {
  const { clients } = useApp();
  const { epoch } = useSession();
  return useInfiniteQuery({
    queryKey: [...listKey(team, member, epoch), view],
    queryFn: ({ pageParam, signal }) =>
      clients.inbox.listNotifications(
        {
          teamId: team,
          memberId: member,
          pageSize: PAGE,
          pageToken: pageParam,
          unreadOnly: view === "unread",
          includeArchived: view === "archived",
        },
        { signal },
      ),
    initialPageParam: "",
    getNextPageParam: (last) => last.nextPageToken || undefined,
    enabled: member !== "",
  });
}

/** The rows of a view, each once. */
export function rowsOf(pages: InfiniteData<ListNotificationsResponse> | undefined, view: InboxView): readonly Notification[] {
  const seen = new Set<string>();
  return (pages?.pages ?? [])
    .flatMap(({ notifications }) => notifications)
    .filter(({ id, archived }) => {
      if (seen.has(id) || archived !== (view === "archived")) return false;
      seen.add(id);
      return true;
    });
}

export type Mark = "read" | "unread" | "archive" | "unarchive" | "readAll";

/** Marks on the screen at once; the server's answer, or its refusal, puts them right. */
export function useMark(team: string, member: string) {
  const { clients } = useApp();
  const { epoch } = useSession();
  const cache = useQueryClient();
  const base = listKey(team, member, epoch);
  const mutationKey = ["mark", ...base];
  return useMutation({
    mutationKey,
    mutationFn: async ({ mark, ids }: { mark: Mark; ids: readonly string[] }) => {
      const request = { teamId: team, memberId: member, notificationIds: [...ids] };
      switch (mark) {
        case "read":
          return clients.inbox.markRead(request);
        case "unread":
          return clients.inbox.markUnread(request);
        case "archive":
          return clients.inbox.archive(request);
        case "unarchive":
          return clients.inbox.unarchive(request);
        case "readAll":
          return clients.inbox.markAllRead({ teamId: team, memberId: member });
      }
    },
    onMutate: async ({ mark, ids }) => {
      // An answer that is on its way does not know of it.
      await cache.cancelQueries({ queryKey: base });
      const changed = (one: Notification): Notification => {
        if (mark !== "readAll" && !ids.includes(one.id)) return one;
        if (mark === "archive" || mark === "unarchive") return { ...one, archived: mark === "archive" };
        return { ...one, read: mark !== "unread" };
      };
      cache.setQueriesData<Pages>({ queryKey: base }, (before) =>
        before && { ...before, pages: before.pages.map((page) => ({ ...page, notifications: page.notifications.map(changed) })) },
      );
    },
    onSettled: async () => {
      // The last of several: an answer between them would undo what the others show.
      if (cache.isMutating({ mutationKey }) > 1) return;
      await Promise.all([
        cache.invalidateQueries({ queryKey: countKey(team, member, epoch) }),
        cache.invalidateQueries({ queryKey: base }),
      ]);
    },
  });
}
