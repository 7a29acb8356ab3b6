// The pages of a team, in the order of the rail. A narrow screen has `tab` ones at its foot, and the others in a menu.

import {
  AlignLeft,
  BellOff,
  BellRing,
  BookOpen,
  CalendarClock,
  CornerDownRight,
  FileCode,
  History,
  KeyRound,
  LayoutDashboard,
  Radio,
  ShieldCheck,
  UserCheck,
  Users,
  Workflow,
} from "lucide-react";
import * as en from "../messages/en";

export const PAGES = [
  { to: "/t/$team/overview", label: en.shell.overview, icon: LayoutDashboard, group: "team", tab: false },
  { to: "/t/$team/deliveries", label: en.shell.deliveries, icon: AlignLeft, group: "team", tab: true },
  { to: "/t/$team/alerts", label: en.shell.alerts, icon: BellRing, group: "team", tab: false },
  { to: "/t/$team/events", label: en.shell.events, icon: Radio, group: "team", tab: false },
  { to: "/t/$team/channels", label: en.shell.channels, icon: Workflow, group: "team", tab: true },
  { to: "/t/$team/routing", label: en.shell.routing, icon: CornerDownRight, group: "team", tab: true },
  { to: "/t/$team/silences", label: en.shell.silences, icon: BellOff, group: "team", tab: false },
  { to: "/t/$team/people", label: en.shell.people, icon: Users, group: "team", tab: false },
  { to: "/t/$team/digest", label: en.shell.digest, icon: CalendarClock, group: "team", tab: false },
  { to: "/t/$team/compliance", label: en.shell.compliance, icon: ShieldCheck, group: "team", tab: false },
  { to: "/t/$team/me", label: en.shell.me, icon: UserCheck, group: "team", tab: false },
  { to: "/t/$team/catalog", label: en.shell.catalog, icon: BookOpen, group: "developers", tab: false },
  { to: "/t/$team/keys", label: en.shell.keys, icon: KeyRound, group: "developers", tab: false },
  { to: "/t/$team/config", label: en.shell.config, icon: FileCode, group: "developers", tab: false },
  { to: "/t/$team/history", label: en.shell.history, icon: History, group: "developers", tab: false },
] as const;
