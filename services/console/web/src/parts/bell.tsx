// The bell: how much is unread, what is new as it comes in, and the inbox behind it.

import { Link } from "@tanstack/react-router";
import { Bell as BellIcon } from "lucide-react";
import { type ReactNode, Suspense, lazy, useState } from "react";
import { useMe } from "../api/me";
import { Scope } from "../api/gen/watchbell/config/v1/api_key_pb";
import { useSelf } from "../api/self";
import { severityWord } from "../api/words";
import { useInboxFeed, useUnread } from "../live/inbox";
import * as en from "../messages/en";
import { count, plain } from "./format";
import { ring } from "./ring";
import { done } from "./toast";

const BellPanel = lazy(() => import("./bell-panel"));

/** A number that fits beside the bell. */
const MOST = 99;

/** Follows the inbox as long as it is there; one for each team on the screen. */
export function BellFeed({ team }: { team: string }): ReactNode {
  const { member } = useMe(team);
  useInboxFeed(team, member, (news) => {
    if (news.length > 0) ring();
    if (document.hidden) return;
    for (const { severity, title, eventType } of news) {
      if (severityWord(severity) === "critical") done(`${en.severities.critical}: ${plain(title) || eventType}`);
    }
  });
  return null;
}

/** `narrow`: at the foot of a narrow screen, where a page takes the place of the panel. */
export function Bell({ team, narrow = false }: { team: string; narrow?: boolean }): ReactNode {
  const self = useSelf();
  const { member } = useMe(team);
  const unread = useUnread(team, member) ?? 0;
  const [open, setOpen] = useState(false);
  const [asked, setAsked] = useState(false);
  // Not before it is known whether there is an inbox to look at.
  if (!self?.scopes.has(Scope.INBOX)) return null;
  const face = (
    <>
      <BellIcon aria-hidden="true" />
      <span>{en.bell.word}</span>
      {unread > 0 ? (
        <span className="bell-count">
          <span aria-hidden="true">{unread > MOST ? `${count(MOST)}+` : count(unread)}</span>
          <span className="sr-only">{en.bell.unread(unread)}</span>
        </span>
      ) : null}
    </>
  );
  if (narrow) {
    return (
      <Link to="/t/$team/me" params={{ team }} className="bell">
        {face}
      </Link>
    );
  }
  const ask = () => {
    setAsked(true);
    setOpen(true);
  };
  const button = (
    <button type="button" className="bell" onClick={asked ? undefined : ask}>
      {face}
    </button>
  );
  if (!asked) return button;
  return (
    <Suspense fallback={button}>
      <BellPanel team={team} trigger={button} open={open} onOpenChange={setOpen} />
    </Suspense>
  );
}
