// One rule in the list: its conditions and targets, and what it makes of the event beside it.

import { ArrowRight, Ellipsis, GripVertical } from "lucide-react";
import type { ReactNode } from "react";
import type { ChannelNames } from "../../api/channels";
import type { Rule } from "../../api/gen/watchbell/config/v1/rule_pb";
import { kindWord } from "../../api/words";
import { NO_FILTER } from "../../domain/channel";
import type { RuleVerdict } from "../../domain/verdict";
import * as en from "../../messages/en";
import { plain } from "../../parts/format";
import { KindIcon } from "../../parts/icons";
import { MenuButton, MenuItem } from "../../parts/menu";
import { Conditions } from "./conditions";
import { followUpWords } from "./follow-ups";

interface CardProps {
  readonly rule: Rule;
  readonly number: number;
  readonly names: ChannelNames;
  readonly said: RuleVerdict | null;
  /** What the draft does with it. */
  readonly mark: "made" | "changed" | "moved" | null;
  readonly allowed: boolean;
  readonly isDragged: boolean;
  readonly onDrag: (id: string | null) => void;
  readonly onDrop: () => void;
  readonly onMove: (by: number) => void;
  readonly onEdit: () => void;
  readonly onPause: () => void;
  readonly onDelete: () => void;
}

export function RuleCard(props: CardProps): ReactNode {
  const { rule, number, names, said, mark, allowed, isDragged, onDrag, onDrop, onMove, onEdit, onPause, onDelete } = props;
  const name = plain(rule.displayName);
  const isDraft = mark === "made" || mark === "changed";
  const matched = said?.outcome === "routed" || said?.outcome === "silenced";
  return (
    // Dragging is for the pointer; the handle takes the keyboard.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <li
      className="rule"
      data-matched={matched}
      data-missed={said !== null && !matched}
      data-dragged={isDragged}
      data-draft={mark ?? undefined}
      draggable={allowed}
      onDragStart={(event) => {
        event.dataTransfer.effectAllowed = "move";
        event.dataTransfer.setData("text/plain", rule.id);
        onDrag(rule.id);
      }}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        onDrop();
      }}
      onDragEnd={() => onDrag(null)}
    >
      <button
        type="button"
        className="rule-handle"
        disabled={!allowed}
        aria-label={en.routing.move(name)}
        onKeyDown={(event) => {
          if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
          event.preventDefault();
          onMove(event.key === "ArrowUp" ? -1 : 1);
        }}
      >
        <GripVertical size={14} aria-hidden="true" />
      </button>
      <span className="text-muted" aria-hidden="true">
        {number}
      </span>
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-2">
          <b className="wrap-anywhere">{name}</b>
          {rule.paused ? <span className="pill s-cancelled">{en.routing.paused}</span> : null}
          {mark ? <span className="pill s-pending">{en.rulesDraft.mark[mark]}</span> : null}
        </p>
        <p className="mt-1 flex flex-wrap items-center gap-1.5">
          <Conditions match={rule.match ?? NO_FILTER} />
          <ArrowRight size={13} aria-hidden="true" className="text-muted rtl:rotate-180" />
          <Targets rule={rule} names={names} />
          {[...followUpWords(rule, names), ...(rule.continues ? [en.routing.thenOn] : [])].map((words) => (
            <span key={words} className="text-muted">
              {words}
            </span>
          ))}
        </p>
      </div>
      <p className="rule-verdict" role="status">
        {matched ? <b className="text-delivered">{matchWord(said?.outcome === "silenced", isDraft)}</b> : null}{" "}
        {said?.sentences.map(plain).join(" ")}
      </p>
      <MenuButton
        trigger={
          <button type="button" className="btn btn-quiet btn-small btn-icon" aria-label={en.routing.actions(name)}>
            <Ellipsis aria-hidden="true" />
          </button>
        }
      >
        <MenuItem disabled={!allowed} onClick={onEdit}>
          {en.routing.edit}
        </MenuItem>
        <MenuItem disabled={!allowed} onClick={onPause}>
          {rule.paused ? en.routing.resume : en.routing.pause}
        </MenuItem>
        <MenuItem danger disabled={!allowed} onClick={onDelete}>
          {en.rulesDraft.remove}
        </MenuItem>
      </MenuButton>
    </li>
  );
}

function matchWord(silences: boolean, isDraft: boolean): string {
  if (isDraft) return silences ? en.rulesDraft.wouldSilence : en.rulesDraft.wouldMatch;
  return silences ? en.routing.silences : en.routing.matches;
}

function Targets({ rule, names }: { rule: Rule; names: ChannelNames }): ReactNode {
  const { action } = rule;
  if (action.case === "silence") {
    const kinds = action.value.kinds.length === 0 ? [en.kinds.slack, en.kinds.teams] : action.value.kinds.map((kind) => en.kinds[kindWord(kind) ?? "slack"]);
    return <span>{en.routing.silence(kinds.join(", "))}</span>;
  }
  const ids = action.case === "send" ? action.value.channelIds : [];
  return ids.map((id) => {
    const channel = names.get(id);
    return (
      <span key={id} className="inline-flex items-center gap-1.5">
        <KindIcon kind={channel ? kindWord(channel.kind) : null} />
        {plain(channel?.displayName ?? en.deletedChannel)}
      </span>
    );
  });
}
