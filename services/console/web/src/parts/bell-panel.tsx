// What the bell opens.

import { Popover } from "@base-ui/react/popover";
import { Link } from "@tanstack/react-router";
import { type ReactElement, type ReactNode, useState } from "react";
import { useMe } from "../api/me";
import type { InboxView } from "../live/inbox";
import * as en from "../messages/en";
import { InboxList } from "./inbox-list";
import { MemberPicker } from "./member-picker";
import { useNarrow, useNow } from "./now";

interface Props {
  readonly team: string;
  readonly trigger: ReactElement;
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
}

export default function BellPanel({ team, trigger, open, onOpenChange }: Props): ReactNode {
  const { member } = useMe(team);
  const [view, setView] = useState<InboxView>("unread");
  const now = useNow(15_000);
  const narrow = useNarrow();
  const close = () => onOpenChange(false);
  return (
    <Popover.Root open={open && !narrow} onOpenChange={onOpenChange}>
      <Popover.Trigger render={trigger} />
      <Popover.Portal>
        <Popover.Positioner side="top" align="start" sideOffset={8} collisionPadding={8} className="z-40">
          <Popover.Popup className="popup bell-panel">
            <div className="flex items-center gap-2 px-2 pt-1">
              <Popover.Title className="font-semibold">{en.bell.title}</Popover.Title>
              <Link className="link ms-auto" to="/t/$team/me" params={{ team }} onClick={close}>
                {en.bell.all}
              </Link>
            </div>
            <MemberPicker team={team} />
            {member === "" ? null : <InboxList team={team} member={member} view={view} onView={setView} now={now} onLeave={close} />}
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}
