// A member's notifications, with what can be done with each.

import { Link } from "@tanstack/react-router";
import { Archive, ArchiveRestore, CheckCheck, Mail, MailOpen } from "lucide-react";
import type { ReactNode } from "react";
import { useMay } from "../api/self";
import type { Notification } from "../api/gen/watchbell/dispatcher/v1/notification_pb";
import { millis } from "../api/times";
import { severityWord } from "../api/words";
import type { InboxView } from "../live/inbox";
import { type Mark, rowsOf, useMark, useNotifications } from "../live/inbox-list";
import * as en from "../messages/en";
import { Broken } from "./broken";
import { ago, plain, utc, webAddress } from "./format";
import { SeverityBar } from "./pill";
import { refused } from "./toast";

const VIEWS: readonly InboxView[] = ["unread", "all", "archived"];

interface Props {
  readonly team: string;
  readonly member: string;
  readonly view: InboxView;
  readonly onView: (view: InboxView) => void;
  readonly now: number;
  /** Called when a row leads elsewhere. */
  readonly onLeave?: () => void;
}

export function InboxList({ team, member, view, onView, now, onLeave }: Props): ReactNode {
  const { data, error, refetch, hasNextPage, isFetchingNextPage, fetchNextPage, isPending } = useNotifications(team, member, view);
  const may = useMay();
  const { mutate } = useMark(team, member);
  const rows = rowsOf(data, view);
  const mark = (what: Mark, ids: readonly string[] = []) =>
    mutate({ mark: what, ids }, { onError: (problem) => refused(en.inboxPage.refused, problem) });
  return (
    <div className="inbox">
      <div className="flex flex-wrap items-center gap-2 p-2">
        <div className="seg" role="group" aria-label={en.inboxPage.view}>
          {VIEWS.map((one) => (
            <button key={one} type="button" aria-pressed={view === one} onClick={() => onView(one)}>
              {en.inboxPage.views[one]}
            </button>
          ))}
        </div>
        <button type="button" className="btn btn-small btn-quiet ms-auto" onClick={() => mark("readAll")} disabled={!may.own || rows.every(({ read }) => read)}>
          <CheckCheck aria-hidden="true" />
          {en.inboxPage.readAll}
        </button>
      </div>
      {error && !data ? <Broken error={error} again={() => void refetch()} /> : null}
      {!error && rows.length === 0 ? (
        <div className="empty" role="status">
          <p>{isPending ? en.loading : hasNextPage ? en.inboxPage.emptySoFar[view] : en.inboxPage.empty[view]}</p>
        </div>
      ) : null}
      <ul>
        {rows.map((row) => (
          <Item key={row.id} team={team} row={row} now={now} onMark={mark} onLeave={onLeave} />
        ))}
      </ul>
      {hasNextPage ? (
        <p className="p-2 text-center">
          <button type="button" className="btn btn-small" onClick={() => void fetchNextPage()} disabled={isFetchingNextPage}>
            {en.inboxPage.older}
          </button>
        </p>
      ) : null}
    </div>
  );
}

interface ItemProps {
  readonly team: string;
  readonly row: Notification;
  readonly now: number;
  readonly onMark: (mark: Mark, ids: readonly string[]) => void;
  readonly onLeave: (() => void) | undefined;
}

function Item({ team, row, now, onMark, onLeave }: ItemProps): ReactNode {
  const may = useMay();
  const made = millis(row.createTime) ?? now;
  const title = plain(row.title) || row.eventType;
  const address = webAddress(row.url);
  const leave = () => {
    if (!row.read && may.own) onMark("read", [row.id]);
    onLeave?.();
  };
  return (
    <li className="inbox-item" data-read={row.read}>
      <SeverityBar severity={severityWord(row.severity)} />
      <div className="min-w-0 flex-1">
        <p className="flex min-w-0 gap-2">
          {row.read ? null : <span className="sr-only">{en.inboxPage.unread}</span>}
          {may.log ? (
            <Link className="cut inbox-title" to="/t/$team/deliveries" params={{ team }} search={{ event: row.eventId }} onClick={leave} title={title}>
              {title}
            </Link>
          ) : (
            <span className="cut inbox-title">{title}</span>
          )}
          {row.test ? <span className="tag">{en.log.test}</span> : null}
          <time className="ms-auto flex-none text-sm text-muted" dateTime={utc(made)} title={utc(made)}>
            {ago(made, now)}
          </time>
        </p>
        <p className="cut text-sm text-muted">
          {[row.eventType, plain(row.source), plain(row.subject)].filter(Boolean).join(" · ")}
          {address ? (
            <>
              {" · "}
              <a className="link" href={address} target="_blank" rel="noopener noreferrer" onClick={leave}>
                {en.drawer.link}
              </a>
            </>
          ) : null}
        </p>
      </div>
      <span className="flex flex-none">
        <button
          type="button"
          className="btn btn-quiet btn-small btn-icon"
          aria-label={`${row.read ? en.inboxPage.markUnread : en.inboxPage.markRead}: ${title}`}
          title={row.read ? en.inboxPage.markUnread : en.inboxPage.markRead}
          disabled={!may.own}
          onClick={() => onMark(row.read ? "unread" : "read", [row.id])}
        >
          {row.read ? <Mail aria-hidden="true" /> : <MailOpen aria-hidden="true" />}
        </button>
        <button
          type="button"
          className="btn btn-quiet btn-small btn-icon"
          aria-label={`${row.archived ? en.inboxPage.unarchive : en.inboxPage.archive}: ${title}`}
          title={row.archived ? en.inboxPage.unarchive : en.inboxPage.archive}
          disabled={!may.own}
          onClick={() => onMark(row.archived ? "unarchive" : "archive", [row.id])}
        >
          {row.archived ? <ArchiveRestore aria-hidden="true" /> : <Archive aria-hidden="true" />}
        </button>
      </span>
    </li>
  );
}
