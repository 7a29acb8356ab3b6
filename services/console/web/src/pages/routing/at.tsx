// The moment to ask about: its day with the quiet hours of all channels, and a handle that moves through it.

import type { ReactNode } from "react";
import type { ChannelNames } from "../../api/channels";
import { quietSpans, quietUntil, windowsOf } from "../../domain/quiet";
import * as en from "../../messages/en";
import { Field } from "../../parts/field";
import { MINUTE, minute, plain, written } from "../../parts/format";

/** Minutes that the handle moves at a time. */
const STEP = 5;

interface Props {
  readonly names: ChannelNames;
  /** Of windows without a zone of their own. */
  readonly zone: string;
  /** As a `datetime-local` control writes it; empty for now. */
  readonly at: string;
  readonly now: number;
  readonly error: string | undefined;
  readonly onAt: (at: string) => void;
}

export function At({ names, zone, at, now, error, onAt }: Props): ReactNode {
  const given = at === "" ? Number.NaN : new Date(at).getTime();
  const moment = Number.isNaN(given) ? now : given;
  const begin = new Date(moment).setHours(0, 0, 0, 0);
  const end = new Date(begin).setDate(new Date(begin).getDate() + 1);
  const quiet = names.all.flatMap(({ id, displayName, paused, quietHours }) => {
    if (paused || !quietHours) return [];
    const [windows, own] = [windowsOf(quietHours.windows), quietHours.timeZone || zone];
    return [{ id, name: plain(displayName), spans: quietSpans(windows, own, begin, end), isQuiet: quietUntil(windows, own, moment) !== null }];
  });
  const share = (instant: number) => ((instant - begin) / (end - begin)) * 100;
  const then = quiet.filter(({ isQuiet }) => isQuiet).map(({ name }) => name);
  return (
    <Field label={en.playground.at} hint={en.playground.atHint} error={error} path="at">
      {(control) => (
        <>
          <div className="flex gap-2">
            <input {...control} type="datetime-local" className="input" value={at} onChange={(event) => onAt(event.target.value)} />
            <button type="button" className="btn" disabled={at === ""} onClick={() => onAt("")}>
              {en.playground.atNow}
            </button>
          </div>
          {quiet.length > 0 ? (
            <>
              <div className="band band-at">
                {quiet.flatMap(({ id, spans }) =>
                  spans.map((span) => (
                    <span
                      key={`${id} ${span.from}`}
                      className="hatch"
                      style={{ insetInlineStart: `${share(span.from)}%`, width: `${share(span.to) - share(span.from)}%` }}
                    />
                  )),
                )}
                <span className="band-now" style={{ insetInlineStart: `${share(moment)}%` }} />
                <input
                  type="range"
                  className="band-range"
                  aria-label={en.playground.atBand}
                  aria-valuetext={minute(moment)}
                  min={0}
                  max={(end - begin) / MINUTE - STEP}
                  step={STEP}
                  value={Math.floor((moment - begin) / MINUTE)}
                  onChange={(event) => onAt(written(begin + Number(event.target.value) * MINUTE))}
                />
              </div>
              <p className="text-xs text-muted">{then.length === 0 ? en.playground.nobodyQuiet(minute(moment)) : en.playground.quietThen(minute(moment), then)}</p>
            </>
          ) : null}
        </>
      )}
    </Field>
  );
}
