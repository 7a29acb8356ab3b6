// One delivery: why, what happened attempt by attempt, and what can be done about it.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ArrowLeft, Ellipsis, X } from "lucide-react";
import { type ReactNode, useState } from "react";
import type { ChannelNames } from "../../api/channels";
import { useApp } from "../../api/context";
import { useDeliveriesOf, useEvent } from "../../api/event";
import { problemOf } from "../../api/errors";
import type { Attempt } from "../../api/gen/watchbell/dispatcher/v1/attempt_pb";
import type { Delivery } from "../../api/gen/watchbell/dispatcher/v1/delivery_pb";
import type { AcceptedEvent } from "../../api/gen/watchbell/dispatcher/v1/dispatcher_service_pb";
import { useMay } from "../../api/self";
import { millis, span } from "../../api/times";
import { deliveryCommands } from "../../domain/cli";
import { indented } from "../../domain/json";
import { type Part, succeeded, waterfall } from "../../domain/waterfall";
import { stateSentence, tookOrNext } from "../../domain/wording";
import { useDelivery } from "../../live/delivery";
import { type Row, sameTarget, toRow } from "../../live/row";
import * as en from "../../messages/en";
import { CopyButton, copyText } from "../../parts/copy";
import { Confirm } from "../../parts/dialog";
import { clock, countdown, duration, plain, webAddress } from "../../parts/format";
import { MenuButton, MenuItem } from "../../parts/menu";
import { StatePill, SeverityBar } from "../../parts/pill";
import { TargetName } from "../../parts/target";
import { done, refused } from "../../parts/toast";
import { RecoverDialog } from "./recover";
import { Members, StandingLinks } from "./standing";
import { ThenNow } from "./then-now";

interface Props {
  readonly team: string;
  readonly id: string;
  readonly names: ChannelNames;
  readonly now: number;
  readonly narrow: boolean;
  readonly onClose: () => void;
  readonly onOpen: (id: string) => void;
  readonly onEvent: (eventId: string) => void;
}

export function Drawer(props: Props): ReactNode {
  const { team, id, narrow, onClose } = props;
  const { data: delivery, error } = useDelivery(team, id);
  return (
    // Escape closes it from whatever has the focus inside.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <aside
      className="drawer"
      aria-label={en.drawer.label}
      onKeyDown={(event) => {
        if (event.key === "Escape" && !event.defaultPrevented) onClose();
      }}
    >
      {narrow ? (
        <div className="page-head">
          <button type="button" className="btn btn-quiet btn-icon" onClick={onClose}>
            <ArrowLeft aria-hidden="true" className="rtl:rotate-180" />
            {en.drawer.back}
          </button>
        </div>
      ) : null}
      {delivery ? <Body {...props} delivery={delivery} key={delivery.id} /> : null}
      {!delivery && error ? (
        <div className="empty" role="alert">
          <h2>{en.drawer.gone}</h2>
          <p>{problemOf(error).text}</p>
          <p>{en.drawer.goneText}</p>
          <button type="button" className="btn" onClick={onClose}>
            {en.close}
          </button>
        </div>
      ) : null}
      {!delivery && !error ? (
        <div className="drawer-body" role="status" aria-label={en.loading}>
          <span className="skeleton h-5 w-2/3" />
          <span className="skeleton h-16" />
          <span className="skeleton h-24" />
        </div>
      ) : null}
    </aside>
  );
}

function Body({ team, delivery, names, now, narrow, onClose, onOpen, onEvent }: Props & { delivery: Delivery }): ReactNode {
  const row = toRow(delivery);
  const { data: accepted } = useEvent(team, row.eventId);
  const { data: siblings } = useDeliveriesOf(team, row.eventId);
  const [asked, setAsked] = useState(false);
  const [chosen, setChosen] = useState<number | null>(null);
  const attempt = delivery.attempts.find(({ number }) => number === chosen) ?? delivery.attempts.at(-1);
  const event = accepted?.event;
  const facts = [row.type, event?.source, event?.subject].filter(Boolean).map((text) => plain(text ?? ""));
  const members = Number(delivery.foldedCount);
  const link = webAddress(event?.url ?? "");
  const others = siblings?.rows.filter((other) => other.id !== row.id) ?? [];
  return (
    <>
      <div className="drawer-body">
        <div className="flex items-start gap-2">
          <div className="min-w-0 flex-1">
            <h2 className="flex items-center gap-[9px]">
              <SeverityBar severity={row.severity} small />
              <span className="wrap-anywhere">{plain(row.title) || en.log.untitled}</span>
            </h2>
            <p className="mono text-muted wrap-anywhere">{facts.join(" · ")}</p>
          </div>
          <StatePill state={row.state} />
          {narrow ? null : (
            <button type="button" className="btn btn-quiet btn-small btn-icon" aria-label={en.close} onClick={onClose}>
              <X aria-hidden="true" />
            </button>
          )}
        </div>
        <div className="answer grid gap-2">
          <p className="wrap-anywhere">
            <b>
              {row.state === "delivered" ? en.drawer.sentTo : row.ended === null ? en.drawer.goesTo : en.drawer.wentNot}{" "}
              <span className="inline-flex max-w-full align-bottom">
                <TargetName kind={row.kind} target={row.target} names={names} />
              </span>
            </b>
            {` ${en.drawer.because} ${plain(clause(row.reason.sentence))} ${stateSentence(row, now)} `}
            {accepted && !asked ? (
              <button type="button" className="link" onClick={() => setAsked(true)}>
                {en.drawer.nowAsk}
              </button>
            ) : null}
          </p>
          {asked && accepted ? <ThenNow team={team} row={row} event={accepted} names={names} now={now} /> : null}
          {row.test ? <p className="text-sm text-muted">{en.drawer.testNote}</p> : null}
          <StandingLinks team={team} row={row} onOpen={onOpen} />
          {row.replayOf ? (
            <p>
              {en.drawer.replayOf}{" "}
              <button type="button" className="link mono" onClick={() => onOpen(row.replayOf)}>
                {row.replayOf}
              </button>
            </p>
          ) : null}
        </div>
        {members > 0 ? <Members team={team} summaryId={row.id} count={members} now={now} onOpen={onOpen} /> : null}
        <Happened delivery={delivery} row={row} now={now} chosen={attempt?.number ?? null} onChoose={setChosen} />
        {attempt ? <AttemptDetail attempt={attempt} /> : null}
        <section>
          <h3>{en.drawer.siblings}</h3>
          {siblings && others.length === 0 ? <p className="text-muted">{en.drawer.onlyOne}</p> : null}
          <ul className="siblings">
            {others.map((other) => (
              <li key={other.id}>
                <button type="button" className="sibling" onClick={() => onOpen(other.id)}>
                  <TargetName kind={other.kind} target={other.target} names={names} />
                  {sameTarget(other, row) ? <span className="tag">{en.log.replay}</span> : null}
                  <span className="ms-auto" />
                  <StatePill state={other.state} text={pillText(other, now)} />
                </button>
              </li>
            ))}
          </ul>
          {siblings?.more ? <p className="text-muted">{en.drawer.unlisted}</p> : null}
        </section>
        {accepted ? <EventDetail accepted={accepted} link={link} /> : null}
      </div>
      <Actions team={team} row={row} names={names} onOpen={onOpen} onEvent={onEvent} />
    </>
  );
}

/** A sentence as it goes on after "because"; a word of capitals stays one. */
function clause(sentence: string): string {
  return /^.\p{Lu}/u.test(sentence) ? sentence : sentence.charAt(0).toLowerCase() + sentence.slice(1);
}

function pillText(row: Row, now: number): string {
  const word = row.state ? en.states[row.state] : en.unknownState;
  return row.state === "pending" || row.state === "held" ? `${word} ${tookOrNext(row, now)}` : word;
}

interface HappenedProps {
  readonly delivery: Delivery;
  readonly row: Row;
  readonly now: number;
  readonly chosen: number | null;
  readonly onChoose: (number: number) => void;
}

function Happened({ delivery, row, now, chosen, onChoose }: HappenedProps): ReactNode {
  const drawn = waterfall(delivery.attempts, row.made, row.state === "pending" ? row.next : null);
  const whole = row.ended === null ? en.drawer.whatOpen(duration(now - row.made)) : en.drawer.what(duration(row.ended - row.made));
  return (
    <section>
      <h3>{whole}</h3>
      {drawn.parts.length === 0 ? <p className="text-muted">{row.kind === "in-app" ? en.drawer.inbox : en.drawer.noAttempt}</p> : null}
      <div className="waterfall">
        {drawn.parts.map((part) => (
          <PartLine
            key={`${part.kind} ${part.from} ${part.attempt?.number ?? ""}`}
            part={part}
            now={now}
            next={row.next}
            chosen={part.attempt !== undefined && part.attempt.number === chosen}
            onChoose={onChoose}
          />
        ))}
      </div>
    </section>
  );
}

interface PartLineProps {
  readonly part: Part;
  readonly now: number;
  readonly next: number | null;
  readonly chosen: boolean;
  readonly onChoose: (number: number) => void;
}

function PartLine({ part, now, next, chosen, onChoose }: PartLineProps): ReactNode {
  const place = { insetInlineStart: `${Math.min(part.from, 0.985) * 100}%`, width: `${part.width * 100}%` };
  const { attempt } = part;
  if (!attempt) {
    const text = part.kind === "wait" ? en.drawer.waited(duration(part.milliseconds)) : en.drawer.nextIn(countdown((next ?? now) - now));
    return (
      <>
        <span className="text-muted">{part.number ?? ""}</span>
        <span className="track">
          <i className={part.kind === "wait" ? "wait" : "hatch"} style={place} />
        </span>
        <span className="text-muted">{text}</span>
      </>
    );
  }
  const code = attempt.statusCode > 0 ? String(attempt.statusCode) : succeeded(attempt) ? en.drawer.ok : en.drawer.noAnswer;
  const weight = chosen ? "font-semibold" : "";
  return (
    <>
      <button type="button" className="attempt-number" aria-pressed={chosen} onClick={() => onChoose(attempt.number)}>
        <span className={weight}>{attempt.number}</span>
      </button>
      <span className={`track ${succeeded(attempt) ? "s-delivered" : "s-failed"}`}>
        <i style={place} />
      </span>
      <span className={weight || "text-muted"}>
        {code} · {duration(span(attempt.latency) ?? 0)}
      </span>
    </>
  );
}

function AttemptDetail({ attempt }: { attempt: Attempt }): ReactNode {
  const at = millis(attempt.startTime);
  return (
    <>
      <section>
        <h3>
          {en.drawer.attempt(attempt.number, at === null ? "" : `${clock(at)}.${String(Math.floor(at) % 1000).padStart(3, "0")}`)}
          {attempt.errorCode ? (
            <>
              {" · "}
              <span className="mono">{attempt.errorCode}</span>
            </>
          ) : null}
        </h3>
        {attempt.error ? <p className="mb-1.5 wrap-anywhere">{plain(attempt.error)}</p> : null}
        {attempt.ambiguous ? <p className="mb-1.5 text-parked">{en.drawer.ambiguous}</p> : null}
        {attempt.responseBody || attempt.statusCode > 0 ? (
          <pre className="code max-h-48 overflow-y-auto" tabIndex={0} aria-label={en.drawer.answer}>
            {attempt.statusCode > 0 ? `${attempt.statusCode}\n` : ""}
            {plain(attempt.responseBody)}
          </pre>
        ) : null}
      </section>
      {attempt.requestHeaders.length > 0 ? (
        <section>
          <h3>{en.drawer.headers}</h3>
          <dl className="pairs mono">
            {attempt.requestHeaders.map(({ name, value }, index) => (
              // A header may come twice.
              // oxlint-disable-next-line react/no-array-index-key
              <div key={`${name} ${index}`} className="contents">
                <dt className="cut text-muted" title={name}>
                  {name}
                </dt>
                <dd className="cut" title={plain(value)}>
                  {plain(value)}
                </dd>
              </div>
            ))}
          </dl>
        </section>
      ) : null}
    </>
  );
}

function EventDetail({ accepted, link }: { accepted: AcceptedEvent; link: string | null }): ReactNode {
  return (
    <details>
      <summary className="text-sm font-semibold text-muted">
        {en.drawer.event} <span className="mono wrap-anywhere">{accepted.event?.id}</span>
      </summary>
      <div className="mt-2 grid gap-2">
        {link ? (
          <a className="link" href={link} target="_blank" rel="noopener noreferrer">
            {en.drawer.link}
          </a>
        ) : null}
        <pre className="code max-h-64 overflow-y-auto" tabIndex={0} aria-label={en.drawer.data}>
          {plain(indented(accepted.dataJson))}
        </pre>
      </div>
    </details>
  );
}

interface ActionsProps {
  readonly team: string;
  readonly row: Row;
  readonly names: ChannelNames;
  readonly onOpen: (id: string) => void;
  readonly onEvent: (eventId: string) => void;
}

function Actions({ team, row, names, onOpen, onEvent }: ActionsProps): ReactNode {
  const { clients } = useApp();
  const may = useMay();
  const cache = useQueryClient();
  const [asking, setAsking] = useState<"cancel" | "recover" | null>(null);
  const replay = useMutation({
    mutationFn: () => clients.dispatcher.replay({ teamId: team, deliveryId: row.id }),
    onSuccess: ({ delivery }) => {
      done(en.drawer.replayed, delivery?.id);
      void cache.invalidateQueries({ queryKey: ["deliveries-of", team] });
      if (delivery) onOpen(delivery.id);
    },
    onError: (error) => refused(en.drawer.replayRefused, error),
  });
  const cancel = useMutation({
    mutationFn: () => clients.dispatcher.cancelDelivery({ teamId: team, deliveryId: row.id }),
    onSuccess: () => {
      done(en.drawer.cancelled);
      void cache.invalidateQueries({ queryKey: ["delivery", team] });
    },
    onError: (error) => refused(en.drawer.cancelRefused, error),
    onSettled: () => setAsking(null),
  });
  const denied = may.act ? undefined : en.denied.act;
  return (
    <div className="drawer-foot">
      <button
        type="button"
        className="btn btn-primary"
        disabled={!may.act || replay.isPending}
        title={denied}
        onClick={() => replay.mutate()}
      >
        {en.drawer.replay}
      </button>
      <button type="button" className="btn" onClick={() => onEvent(row.eventId)}>
        {en.drawer.openEvent}
      </button>
      <CopyButton text={deliveryCommands(team, row.id, row.eventId)} label={en.drawer.cli} />
      <MenuButton
        trigger={
          <button type="button" className="btn btn-icon ms-auto" aria-label={en.drawer.more}>
            <Ellipsis aria-hidden="true" />
          </button>
        }
      >
        <MenuItem onClick={() => void copyText(row.id)}>{en.drawer.copyId}</MenuItem>
        {row.target.channelId ? (
          <MenuItem disabled={!may.act} onClick={() => setAsking("recover")}>
            {en.drawer.recover}
          </MenuItem>
        ) : null}
        {row.ended === null ? (
          <MenuItem danger disabled={!may.act} onClick={() => setAsking("cancel")}>
            {en.drawer.cancel}
          </MenuItem>
        ) : null}
      </MenuButton>
      <Confirm
        open={asking === "cancel"}
        onClose={() => setAsking(null)}
        title={en.drawer.cancelTitle}
        verb={en.drawer.cancelVerb}
        danger
        busy={cancel.isPending}
        onConfirm={() => cancel.mutate()}
      >
        <p>{en.drawer.cancelText}</p>
      </Confirm>
      {asking === "recover" ? (
        <RecoverDialog
          team={team}
          channelId={row.target.channelId}
          name={names.get(row.target.channelId)?.displayName ?? en.deletedChannel}
          since={row.made}
          onClose={() => setAsking(null)}
        />
      ) : null}
    </div>
  );
}
