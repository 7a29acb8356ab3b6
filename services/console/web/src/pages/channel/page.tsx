// One channel: its deliveries, and everything that can be set about it.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useBlocker, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { ArrowLeft, Ellipsis } from "lucide-react";
import { type ReactNode, useRef, useState } from "react";
import { isOfChannel, useChannelNames, useChannelsChanged } from "../../api/channels";
import { useApp, useSession } from "../../api/context";
import { problemOf } from "../../api/errors";
import type { Channel } from "../../api/gen/watchbell/config/v1/channel_pb";
import { useMay } from "../../api/self";
import { useSilencesInForce } from "../../api/silences";
import { useZone } from "../../api/team";
import { type KindWord, kindWord } from "../../api/words";
import { type Path, type Values, toMessage, valuesOf } from "../../domain/channel";
import { covers } from "../../domain/silence";
import { useRefetchOn } from "../../live/refetch";
import * as en from "../../messages/en";
import { type DraftForm, Meanwhile, useDraft } from "../../parts/draft";
import { plain } from "../../parts/format";
import { KindIcon } from "../../parts/icons";
import { InForce } from "../../parts/in-force";
import { MenuButton, MenuItem } from "../../parts/menu";
import { useNow } from "../../parts/now";
import { SendTest } from "../../parts/send-test";
import { done } from "../../parts/toast";
import { Badges, whereTo } from "../channels/page";
import { useChannelActions } from "./actions";
import { ErrorSummary, NO_ERRORS, nameOf, placed } from "../../parts/errors";
import { CONTROLS } from "./fields";
import { HealthTab } from "./health";
import { ChannelLog } from "./log";
import { PreviewTab } from "./preview";
import { QuietTab } from "./quiet";
import { DeleteChannel } from "./remove";
import { type Tab, TABS } from "./search";
import { FilterTab, RetriesTab, SettingsTab, StormTab } from "./tabs";

const POLL = 20_000;

export function ChannelPage(): ReactNode {
  const { team, channel: id } = useParams({ from: "/t/$team/channels/$channel" });
  const { clients } = useApp();
  const { epoch } = useSession();
  const queryKey = ["channel", team, epoch, id];
  useRefetchOn(queryKey, isOfChannel);
  const { data, error } = useQuery({
    queryKey,
    queryFn: async ({ signal }) => (await clients.channels.getChannel({ teamId: team, channelId: id }, { signal })).channel,
    staleTime: 5_000,
    refetchInterval: POLL,
  });
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

function ChannelDetail({ team, channel }: { team: string; channel: Channel }): ReactNode {
  const navigate = useNavigate();
  const { tab = "deliveries" } = useSearch({ from: "/t/$team/channels/$channel" });
  const { clients } = useApp();
  const { epoch } = useSession();
  const cache = useQueryClient();
  const zone = useZone(team);
  const may = useMay();
  const names = useChannelNames(team);
  const now = useNow(15_000);
  const silences = useSilencesInForce(team).filter((silence) => covers(silence, channel));
  const kind: KindWord = kindWord(channel.kind) ?? "webhook";
  const form = useDraft(channel.etag, () => valuesOf(channel));
  const changed = useChannelsChanged(team);
  const { makeDefault, pause } = useChannelActions(team);
  const [errors, setErrors] = useState(NO_ERRORS);
  const [asking, setAsking] = useState<"test" | "delete" | null>(null);
  const [gone, setGone] = useState(false);

  // The newest request alone says what is wrong: a check that was sent before may be answered after.
  const newest = useRef(0);
  const request = (validateOnly: boolean) =>
    clients.channels.updateChannel({
      teamId: team,
      channel: { id: channel.id, etag: form.version, ...toMessage(form.values, kind) },
      updateMask: { paths: [...form.dirty] },
      validateOnly,
    });
  const save = useMutation({
    mutationFn: () => request(false),
    onSuccess: async ({ channel: saved, warnings }) => {
      setErrors(NO_ERRORS);
      // What was saved is what is read now, so that nothing is left to be saved.
      cache.setQueryData<Channel>(["channel", team, epoch, channel.id], saved);
      form.discard();
      done(en.channel.saved, warnings.join(" "));
      await changed();
    },
    onError: async (error) => {
      if (problemOf(error).reason === "STALE_ETAG") {
        setErrors({ fields: new Map(), rest: [{ path: "", text: en.channel.stale }] });
        await changed();
      } else setErrors(placed(error, "channel", CONTROLS));
    },
  });
  const check = async () => {
    if (form.dirty.length === 0) return;
    newest.current += 1;
    const own = newest.current;
    try {
      await request(true);
      if (own === newest.current) setErrors(NO_ERRORS);
    } catch (error) {
      // What is wrong with no field may pass by itself; saving says it.
      if (own === newest.current && problemOf(error).violations.length > 0) setErrors({ ...placed(error, "channel", CONTROLS), rest: [] });
    }
  };
  useBlocker({
    shouldBlockFn: ({ current, next }) =>
      !gone && form.dirty.length > 0 && current.pathname !== next.pathname && !window.confirm(en.channel.leave),
    enableBeforeUnload: () => !gone && form.dirty.length > 0,
  });

  const set = <P extends Path>(path: P, value: Values[P]) => form.set(path, value);
  const props = { team, kind, channel, values: form.values, set, errors: errors.fields, onLeave: () => void check() };
  const name = plain(channel.displayName);
  const tabs = TABS.filter((one) => !(kind === "in-app" && (one === "retries" || one === "storm" || one === "preview")));
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
          {kind === "in-app" ? null : (
            <MenuItem
              disabled={!may.configure}
              onClick={() => void navigate({ to: "/t/$team/silences", params: { team }, search: { new: channel.id } })}
            >
              {en.silences.onChannel}
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
      {silences.length > 0 ? (
        <div className="px-[18px] pt-3">
          <InForce team={team} silences={silences} now={now} />
        </div>
      ) : null}
      {tab === "deliveries" ? (
        <ChannelLog team={team} channelId={channel.id} now={now} />
      ) : tab === "preview" ? (
        <PreviewTab team={team} channelId={channel.id} now={now} />
      ) : (
        // Where nothing can be changed nothing has the focus: then the region has it, so that keys can scroll.
        <div className="page-body" role="region" aria-label={en.channel.tabs[tab]} tabIndex={may.configure ? undefined : 0}>
          <fieldset className="min-w-0" disabled={!may.configure && tab !== "health"} title={may.configure ? undefined : en.denied.configure}>
            <ErrorSummary errors={errors.fields} rest={errors.rest} />
            {may.configure ? null : <p className="card mb-4 max-w-[720px]">{en.denied.configure}</p>}
            <Panel tab={tab} props={props} zone={zone} now={now} onTest={() => setAsking("test")} />
          </fieldset>
        </div>
      )}
      <SaveBar form={form} busy={save.isPending} onSave={() => {
        newest.current += 1;
        save.mutate();
      }} onDiscard={() => {
        form.discard();
        setErrors(NO_ERRORS);
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
  readonly form: DraftForm<Values>;
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
        <Meanwhile form={form} nameOf={nameOf} />
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
