// One channel: its deliveries, and everything that can be set about it.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useBlocker, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { ArrowLeft, Ellipsis } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useCallback, useState } from "react";
import { useChannelNames, useChannelsChanged } from "../../api/channels";
import { useApp, useSession } from "../../api/context";
import { type Placed, place, problemOf } from "../../api/errors";
import type { Channel } from "../../api/gen/watchbell/config/v1/channel_pb";
import { useMay, useTeams } from "../../api/team";
import { type KindWord, kindWord } from "../../api/words";
import { type Path, type Values, toMessage } from "../../domain/channel";
import { useHear } from "../../live/context";
import { useLog } from "../../live/log";
import { en } from "../../messages/en";
import { plain } from "../../parts/format";
import { KindIcon } from "../../parts/icons";
import { MenuButton, MenuItem } from "../../parts/menu";
import { useNarrow, useNow } from "../../parts/now";
import { SendTest } from "../../parts/send-test";
import { done } from "../../parts/toast";
import { Badges, whereTo } from "../channels/page";
import { Rows } from "../deliveries/rows";
import { toFilter } from "../deliveries/search";
import { useChannelActions } from "./actions";
import { CONTROLS, ErrorSummary, nameOf } from "./fields";
import { type ChannelForm, useChannelForm } from "./form-state";
import { HealthTab } from "./health";
import { QuietTab } from "./quiet";
import { DeleteChannel } from "./remove";
import { type Tab, TABS } from "./search";
import { FilterTab, RetriesTab, SettingsTab, StormTab } from "./tabs";

const POLL = 20_000;

export function ChannelPage(): ReactNode {
  const { team, channel: id } = useParams({ from: "/t/$team/channels/$channel" });
  const { clients } = useApp();
  const { epoch } = useSession();
  const { data, error, refetch } = useQuery({
    queryKey: ["channel", team, epoch, id],
    queryFn: async ({ signal }) => (await clients.channels.getChannel({ teamId: team, channelId: id }, { signal })).channel,
    staleTime: 5_000,
    refetchInterval: POLL,
  });
  useHear({ gap: () => void refetch(), batch: (all) => void (all.some((one) => one.eventType.startsWith("channel.")) && refetch()) });
  if (data) return <ChannelDetail team={team} channel={data} key={data.id} />;
  if (error) {
    return (
      <div className="empty" role="alert">
        <h1>{en.channel.gone}</h1>
        <p>{problemOf(error).text}</p>
        <Link className="btn" to="/t/$team/channels" params={{ team }} search={{}}>
          {en.channel.back}
        </Link>
      </div>
    );
  }
  return (
    <header className="page-head" role="status">
      {en.loading}
    </header>
  );
}

const NOTHING: Placed = { fields: new Map(), rest: [] };

function ChannelDetail({ team, channel }: { team: string; channel: Channel }): ReactNode {
  const navigate = useNavigate();
  const { tab = "deliveries" } = useSearch({ from: "/t/$team/channels/$channel" });
  const { clients } = useApp();
  const { epoch } = useSession();
  const cache = useQueryClient();
  const { data: teams } = useTeams();
  const zone = teams?.teams.find((one) => one.id === team)?.timeZone || "UTC";
  const may = useMay(team);
  const names = useChannelNames(team);
  const now = useNow(15_000);
  const kind: KindWord = kindWord(channel.kind) ?? "webhook";
  const form = useChannelForm(channel);
  const changed = useChannelsChanged(team);
  const { makeDefault, pause } = useChannelActions(team);
  const [placed, setPlaced] = useState<Placed>(NOTHING);
  const [asking, setAsking] = useState<"test" | "delete" | null>(null);
  const [gone, setGone] = useState(false);

  const request = (validateOnly: boolean) =>
    clients.channels.updateChannel({
      teamId: team,
      channel: { id: channel.id, etag: form.etag, ...toMessage(form.values, kind) },
      updateMask: { paths: [...form.dirty] },
      validateOnly,
    });
  const save = useMutation({
    mutationFn: () => request(false),
    onSuccess: async ({ channel: saved, warnings }) => {
      setPlaced(NOTHING);
      // What was saved is what is read now, so that nothing is left to be saved.
      cache.setQueryData<Channel>(["channel", team, epoch, channel.id], saved);
      form.discard();
      done(en.channel.saved, warnings.join(" "));
      await changed();
    },
    onError: async (error) => {
      const problem = problemOf(error);
      if (problem.reason === "STALE_ETAG") {
        setPlaced({ fields: new Map(), rest: [{ path: "", text: en.channel.stale }] });
        await changed();
        return;
      }
      const found = place(problem.violations, "channel", CONTROLS);
      setPlaced({ fields: found.fields, rest: problem.violations.length === 0 ? [{ path: "", text: problem.text }] : found.rest });
    },
  });
  const check = async () => {
    if (form.dirty.length === 0) return;
    try {
      await request(true);
      setPlaced(NOTHING);
    } catch (error) {
      const problem = problemOf(error);
      if (problem.violations.length > 0) setPlaced({ fields: place(problem.violations, "channel", CONTROLS).fields, rest: [] });
    }
  };
  useBlocker({
    shouldBlockFn: ({ current, next }) =>
      !gone && form.dirty.length > 0 && current.pathname !== next.pathname && !window.confirm(en.channel.leave),
    enableBeforeUnload: () => !gone && form.dirty.length > 0,
  });

  const set = <P extends Path>(path: P, value: Values[P]) => form.set(path, value);
  const props = { team, kind, channel, values: form.values, set, errors: placed.fields, onLeave: () => void check() };
  const name = plain(channel.displayName);
  const tabs = TABS.filter((one) => !(kind === "in-app" && (one === "retries" || one === "storm")));
  return (
    <>
      <header className="page-head">
        <Link to="/t/$team/channels" params={{ team }} search={{}} className="btn btn-quiet btn-icon" aria-label={en.channel.back}>
          <ArrowLeft aria-hidden="true" className="rtl:rotate-180" />
        </Link>
        <KindIcon kind={kind} size={15} />
        <div className="min-w-0">
          <h1 className="cut">{name}</h1>
        </div>
        <span className="cut mono text-muted max-md:hidden">{plain(whereTo(channel))}</span>
        <Badges channel={channel} zone={zone} now={now} />
        <span className="ms-auto" />
        <button type="button" className="btn" disabled={!may.act} title={may.act ? undefined : en.denied.act} onClick={() => setAsking("test")}>
          {en.channels.test}
        </button>
        <MenuButton
          trigger={
            <button type="button" className="btn btn-icon" aria-label={en.channels.actions(name)}>
              <Ellipsis aria-hidden="true" />
            </button>
          }
        >
          {channel.isDefault || kind === "webhook" ? null : (
            <MenuItem disabled={!may.configure} onClick={() => makeDefault.mutate(channel)}>
              {en.channels.makeDefault}
            </MenuItem>
          )}
          <MenuItem disabled={!may.configure} onClick={() => pause.mutate(channel)}>
            {channel.paused ? en.channels.resume : en.channels.pause}
          </MenuItem>
          <MenuItem danger disabled={!may.configure} onClick={() => setAsking("delete")}>
            {en.channels.delete}
          </MenuItem>
        </MenuButton>
      </header>
      <nav className="tabs" aria-label={name}>
        {tabs.map((one) => (
          <Link
            key={one}
            to="/t/$team/channels/$channel"
            params={{ team, channel: channel.id }}
            search={one === "deliveries" ? {} : { tab: one }}
            replace
            className="tab"
            activeOptions={{ exact: true, includeSearch: true }}
            aria-current={one === tab ? "page" : undefined}
          >
            {en.channel.tabs[one === "filter" && kind !== "webhook" ? "triggers" : one]}
          </Link>
        ))}
      </nav>
      {tab === "deliveries" ? (
        <ChannelLog team={team} channelId={channel.id} now={now} />
      ) : (
        <fieldset className="page-body min-w-0" disabled={!may.configure && tab !== "health"} title={may.configure ? undefined : en.denied.configure}>
          <ErrorSummary errors={placed.fields} rest={placed.rest} />
          {may.configure ? null : <p className="card mb-4 max-w-[720px]">{en.denied.configure}</p>}
          <Panel tab={tab} props={props} zone={zone} now={now} onTest={() => setAsking("test")} />
        </fieldset>
      )}
      <SaveBar form={form} busy={save.isPending} onSave={() => save.mutate()} onDiscard={() => {
        form.discard();
        setPlaced(NOTHING);
      }} />
      {asking === "test" ? <SendTest team={team} names={names} channelId={channel.id} onClose={() => setAsking(null)} /> : null}
      {asking === "delete" ? (
        <DeleteChannel
          team={team}
          channel={channel}
          onClose={() => setAsking(null)}
          onDeleted={() => {
            setGone(true);
            void navigate({ to: "/t/$team/channels", params: { team }, search: {} });
          }}
        />
      ) : null}
    </>
  );
}

interface PanelProps {
  readonly tab: Tab;
  readonly props: Parameters<typeof SettingsTab>[0] & { readonly channel: Channel };
  readonly zone: string;
  readonly now: number;
  readonly onTest: () => void;
}

function Panel({ tab, props, zone, now, onTest }: PanelProps): ReactNode {
  switch (tab) {
    case "settings":
      return <SettingsTab {...props} />;
    case "filter":
      return <FilterTab {...props} />;
    case "quiet":
      return <QuietTab {...props} zone={zone} now={now} />;
    case "storm":
      return <StormTab {...props} />;
    case "retries":
      return <RetriesTab {...props} />;
    case "health":
      return <HealthTab team={props.team} channel={props.channel} now={now} onTest={onTest} />;
    default:
      return null;
  }
}

interface SaveBarProps {
  readonly form: ChannelForm;
  readonly busy: boolean;
  readonly onSave: () => void;
  readonly onDiscard: () => void;
}

function SaveBar({ form, busy, onSave, onDiscard }: SaveBarProps): ReactNode {
  if (form.dirty.length === 0) return null;
  return (
    <div className="save-bar" role="region" aria-label={en.channel.unsaved(form.dirty.length)}>
      <div className="grid min-w-0 flex-1 gap-1">
        <b>{en.channel.unsaved(form.dirty.length)}</b>
        {form.taken.length > 0 ? <span role="status">{en.channel.meanwhile(form.taken.map(nameOf).join(", "))}</span> : null}
        {form.conflicts.map((path) => (
          <span key={path} role="alert" className="flex flex-wrap items-center gap-2">
            {en.channel.conflict(nameOf(path))} {en.channel.theirs} <code className="mono cut max-w-[40ch]">{brief(form.base[path])}</code>
            <button type="button" className="btn btn-small btn-quiet" onClick={() => form.settle(path, "mine")}>
              {en.channel.keepMine}
            </button>
            <button type="button" className="btn btn-small btn-quiet" onClick={() => form.settle(path, "theirs")}>
              {en.channel.takeTheirs}
            </button>
          </span>
        ))}
      </div>
      <button type="button" className="btn btn-quiet" onClick={onDiscard} disabled={busy}>
        {en.channel.discard}
      </button>
      <button type="button" className="btn btn-primary" onClick={onSave} disabled={busy || form.conflicts.length > 0}>
        {busy ? en.channel.saving : en.channel.save}
      </button>
    </div>
  );
}

function brief(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function ChannelLog({ team, channelId, now }: { team: string; channelId: string; now: number }): ReactNode {
  const navigate = useNavigate();
  const names = useChannelNames(team);
  const narrow = useNarrow();
  const [atTop, setAtTop] = useState(true);
  const [active, setActive] = useState(-1);
  const [scrollTo, setScrollTo] = useState<{ index: number } | null>(null);
  const filterAt = useCallback((at: number) => toFilter({ channel: channelId, range: "all" }, at), [channelId]);
  const log = useLog(team, `channel:${channelId}`, filterAt, !atTop);
  const search = { channel: channelId, range: "all" as const };
  const open = (id: string) => void navigate({ to: "/t/$team/deliveries", params: { team }, search: { ...search, open: id } });
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const index = Math.max(0, Math.min(log.length - 1, active + step));
      setActive(index);
      setScrollTo({ index });
    } else if (event.key === "Enter") {
      const row = log.at(active);
      if (row) open(row.id);
    }
  };
  return (
    <div className="list flex-1">
      {log.length === 0 && !log.isLoading ? (
        <div className="empty">
          <p>{en.channel.noDeliveries}</p>
        </div>
      ) : (
        <Rows
          log={log}
          names={names}
          narrow={narrow}
          now={now}
          active={active}
          openId={undefined}
          onActive={setActive}
          onOpen={(row) => open(row.id)}
          onKey={onKey}
          onTop={setAtTop}
          scrollTo={scrollTo}
        />
      )}
      <p className="list-foot flex gap-3">
        {log.fresh > 0 ? (
          <button type="button" className="link" onClick={log.release}>
            {en.log.freshLabel(log.fresh)}
          </button>
        ) : null}
        <Link className="link" to="/t/$team/deliveries" params={{ team }} search={search}>
          {en.channel.openLog}
        </Link>
      </p>
    </div>
  );
}
