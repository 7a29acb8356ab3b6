// ⌘K: any page, channel, rule or team by its name; a delivery or an event by its id.

import { Autocomplete } from "@base-ui/react/autocomplete";
import { Dialog } from "@base-ui/react/dialog";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, useMemo, useState } from "react";
import { useChannelNames } from "../api/channels";
import { useRules } from "../api/rules";
import { kindWord } from "../api/words";
import type { Teams } from "../api/team";
import * as en from "../messages/en";
import { PAGES } from "../pages/pages";
import { plain } from "./format";
import { KindIcon } from "./icons";

interface Entry {
  readonly id: string;
  readonly group: "pages" | "channels" | "rules" | "teams" | "ids";
  readonly name: string;
  readonly icon?: ReactNode;
  readonly go: () => void;
}

interface Props {
  readonly team: string;
  readonly teams: Teams;
  readonly onClose: () => void;
}

export default function Palette({ team, teams, onClose }: Props): ReactNode {
  const navigate = useNavigate();
  const names = useChannelNames(team);
  const [typed, setTyped] = useState("");
  const { data: rules = [] } = useRules(team);
  const entries = useMemo((): Entry[] => {
    const params = { team };
    const all: Entry[] = PAGES.map(({ to, label, icon: Icon }) => ({
      id: to,
      group: "pages",
      name: label,
      icon: <Icon size={14} aria-hidden="true" />,
      go: () => void navigate({ to, params }),
    }));
    for (const channel of names.all) {
      all.push({
        id: channel.id,
        group: "channels",
        name: plain(channel.displayName),
        icon: <KindIcon kind={kindWord(channel.kind)} />,
        go: () => void navigate({ to: "/t/$team/channels/$channel", params: { team, channel: channel.id } }),
      });
    }
    for (const rule of rules) {
      all.push({ id: rule.id, group: "rules", name: plain(rule.displayName), go: () => void navigate({ to: "/t/$team/routing", params }) });
    }
    for (const other of teams.platform ? teams.teams : []) {
      if (other.id === team) continue;
      all.push({
        id: other.id,
        group: "teams",
        name: plain(other.displayName),
        go: () => void navigate({ to: "/t/$team/deliveries", params: { team: other.id } }),
      });
    }
    return all;
  }, [navigate, names, rules, teams, team]);
  const pasted = typed.trim();
  const byId: Entry[] = /^(?:dlv|evt)_\S+$/.test(pasted)
    ? [
        {
          id: pasted,
          group: "ids",
          name: pasted,
          go: () =>
            void navigate({
              to: "/t/$team/deliveries",
              params: { team },
              search: pasted.startsWith("dlv_") ? { open: pasted } : { event: pasted },
            }),
        },
      ]
    : [];
  const words = pasted.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [...byId, ...entries].filter(({ name, group, id }) => {
    const text = `${name} ${en.palette.groups[group]} ${id}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="scrim z-40" />
        <Dialog.Popup className="dialog palette z-50" aria-label={en.palette.title}>
          <Autocomplete.Root
            items={found}
            mode="none"
            inline
            open
            autoHighlight="always"
            value={typed}
            onValueChange={setTyped}
            itemToStringValue={(entry: Entry) => entry.name}
          >
            <Autocomplete.Input className="input" placeholder={en.palette.hint} aria-label={en.palette.title} />
            <Autocomplete.Empty className="px-2 text-muted">
              <span>{en.palette.nothing}</span>
            </Autocomplete.Empty>
            <Autocomplete.List className="palette-list">
              {(entry: Entry) => (
                <Autocomplete.Item
                  key={entry.id}
                  value={entry}
                  className="popup-item"
                  onClick={() => {
                    onClose();
                    entry.go();
                  }}
                >
                  <span className="flex w-5 justify-center">{entry.icon}</span>
                  <span className="cut">{entry.name}</span>
                  <span className="ms-auto flex-none text-sm text-muted">{en.palette.groups[entry.group]}</span>
                </Autocomplete.Item>
              )}
            </Autocomplete.List>
          </Autocomplete.Root>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
