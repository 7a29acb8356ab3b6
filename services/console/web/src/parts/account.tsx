// The account's menu: theme, sign-out, and on a narrow screen the other teams.

import { Menu } from "@base-ui/react/menu";
import { Link } from "@tanstack/react-router";
import { Check, ChevronsUpDown, LogOut } from "lucide-react";
import type { ReactNode } from "react";
import type { Team } from "../api/gen/watchbell/config/v1/team_pb";
import { signOut } from "../api/session";
import type { Teams } from "../api/team";
import * as en from "../messages/en";
import { useSelf } from "../api/self";
import { PAGES } from "../pages/pages";
import { type Theme, choose, useTheme } from "./theme";

const THEMES: readonly Theme[] = ["system", "light", "dark"];

/** `team`: on a narrow screen, where this is also the way to another team. */
export default function Account({ all, team }: { all: Teams; team?: Team }): ReactNode {
  const theme = useTheme();
  const narrow = team !== undefined;
  const self = useSelf();
  const who = self?.name || (all.platform ? en.shell.platformKey : en.shell.teamKey);
  return (
    <Menu.Root>
      <Menu.Trigger className={narrow ? "" : "popup-item !px-1"} aria-label={`${narrow ? en.more : who}: ${en.shell.menu}`}>
        {narrow ? <ChevronsUpDown aria-hidden="true" /> : null}
        <span className="cut">{narrow ? en.more : who}</span>
        {narrow ? null : <ChevronsUpDown size={13} aria-hidden="true" className="ms-auto" />}
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner side="top" align="end" sideOffset={6} className="z-40">
          <Menu.Popup className="popup">
            {narrow ? (
              <Menu.Group>
                <Menu.GroupLabel className="px-2 pt-1 text-xs font-semibold text-muted">{en.shell.navigation}</Menu.GroupLabel>
                {PAGES.filter(({ tab }) => !tab).map(({ to, label, icon: Icon }) => (
                  <Menu.Item key={to} className="popup-item" render={<Link to={to} params={{ team: team.id }} />}>
                    <Icon size={14} aria-hidden="true" />
                    {label}
                  </Menu.Item>
                ))}
              </Menu.Group>
            ) : null}
            {narrow && all.platform ? (
              <Menu.Group>
                <Menu.GroupLabel className="px-2 pt-1 text-xs font-semibold text-muted">{en.shell.switchTeam}</Menu.GroupLabel>
                {all.teams.slice(0, 50).map((other) => (
                  <Menu.Item
                    key={other.id}
                    className="popup-item"
                    render={<Link to="/t/$team/deliveries" params={{ team: other.id }} />}
                  >
                    <span className="cut">{other.displayName}</span>
                    {other.id === team.id ? <Check size={13} className="ms-auto" aria-hidden="true" /> : null}
                  </Menu.Item>
                ))}
              </Menu.Group>
            ) : null}
            <Menu.RadioGroup value={theme} onValueChange={(value: Theme) => choose(value)}>
              <Menu.Group>
                <Menu.GroupLabel className="px-2 pt-1 text-xs font-semibold text-muted">{en.shell.theme}</Menu.GroupLabel>
                {THEMES.map((name) => (
                  <Menu.RadioItem key={name} value={name} className="popup-item">
                    {en.shell.themes[name]}
                    <Menu.RadioItemIndicator className="ms-auto">
                      <Check size={13} aria-hidden="true" />
                    </Menu.RadioItemIndicator>
                  </Menu.RadioItem>
                ))}
              </Menu.Group>
            </Menu.RadioGroup>
            <Menu.Separator className="my-1 h-px bg-line" />
            <Menu.Item className="popup-item" onClick={signOut}>
              <LogOut size={14} aria-hidden="true" />
              {en.shell.signOut}
            </Menu.Item>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
