// The team switcher of a platform key: every team, searched by name.

import { Combobox } from "@base-ui/react/combobox";
import { Link, useNavigate } from "@tanstack/react-router";
import { Check, ChevronDown } from "lucide-react";
import type { ReactNode } from "react";
import type { Team } from "../api/gen/watchbell/config/v1/team_pb";
import * as en from "../messages/en";
import { TeamMark, TeamPlan } from "./team-mark";

interface Props {
  readonly team: Team;
  readonly teams: readonly Team[];
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
}

export default function TeamCombobox({ team, teams, open, onOpenChange }: Props): ReactNode {
  const navigate = useNavigate();
  return (
    <Combobox.Root
      items={teams}
      value={team}
      open={open}
      onOpenChange={onOpenChange}
      isItemEqualToValue={(a: Team, b: Team) => a.id === b.id}
      itemToStringValue={(item: Team) => item.id}
      itemToStringLabel={(item: Team) => item.displayName}
      onValueChange={(next: Team | null) => {
        if (next && next.id !== team.id) void navigate({ to: "/t/$team/deliveries", params: { team: next.id } });
      }}
    >
      <Combobox.Trigger className="team" aria-label={`${en.shell.switchTeam}: ${team.displayName}`}>
        <TeamMark team={team} />
        <span className="cut">{team.displayName}</span>
        <TeamPlan team={team} />
        <ChevronDown size={13} aria-hidden="true" className="flex-none text-muted" />
      </Combobox.Trigger>
      <Combobox.Portal>
        <Combobox.Positioner align="start" sideOffset={4} className="z-40">
          <Combobox.Popup className="popup" aria-label={en.shell.switchTeam}>
            <Combobox.Input className="input mb-1" placeholder={en.shell.findTeam} aria-label={en.shell.findTeam} />
            <Combobox.Empty className="px-2 text-muted">
              <span>{en.shell.noTeam}</span>
            </Combobox.Empty>
            <Combobox.List>
              {(item: Team) => (
                <Combobox.Item key={item.id} value={item} className="popup-item">
                  <span className="cut">{item.displayName}</span>
                  <TeamPlan team={item} />
                  <Combobox.ItemIndicator>
                    <Check size={13} aria-hidden="true" />
                  </Combobox.ItemIndicator>
                </Combobox.Item>
              )}
            </Combobox.List>
            <Link to="/teams" className="popup-item border-t border-line" onClick={() => onOpenChange(false)}>
              {en.teams.all}
            </Link>
          </Combobox.Popup>
        </Combobox.Positioner>
      </Combobox.Portal>
    </Combobox.Root>
  );
}
