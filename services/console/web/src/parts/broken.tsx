import { type ReactNode, useEffect, useRef, useState } from "react";
import { problemOf } from "../api/errors";
import * as en from "../messages/en";
import { countdown } from "./format";
import { useNow } from "./now";

/** A part of the console that the server no longer has: it was upgraded since this tab was opened. */
function isOld(error: unknown): boolean {
  return error instanceof Error && /dynamically imported module|module script failed|error loading dynamically/i.test(error.message);
}

/** What could not be read, and the way to try again. */
export function Broken({ error, again }: { error: unknown; again?: () => void }): ReactNode {
  const problem = problemOf(error);
  const old = isOld(error);
  return (
    <div className="empty" role="alert">
      <h2>{old ? en.broken.upgraded : en.broken.title}</h2>
      <p>{old ? en.broken.upgradedText : problem.text}</p>
      {again && !old && problem.retryAfter !== null ? (
        <Waiting error={error} milliseconds={problem.retryAfter} again={again} />
      ) : again && !old ? (
        <button type="button" className="btn" onClick={again}>
          {en.broken.again}
        </button>
      ) : (
        <button type="button" className="btn" onClick={() => window.location.reload()}>
          {en.broken.reload}
        </button>
      )}
    </div>
  );
}

interface WaitingProps {
  readonly error: unknown;
  readonly milliseconds: number;
  readonly again: () => void;
}

/** Counts down to the moment from which the server says it is worth asking again, and asks. */
function Waiting({ error, milliseconds, again }: WaitingProps): ReactNode {
  const now = useNow(250);
  const [wait, setWait] = useState({ error, due: now + milliseconds });
  // The same call was refused again.
  if (wait.error !== error) setWait({ error, due: now + milliseconds });
  const latest = useRef(again);
  useEffect(() => {
    latest.current = again;
  });
  useEffect(() => {
    const timer = setTimeout(() => latest.current(), wait.due - Date.now());
    return () => clearTimeout(timer);
  }, [wait]);
  return (
    <button type="button" className="btn" onClick={again}>
      {wait.due > now ? en.broken.againIn(countdown(wait.due - now)) : en.broken.again}
    </button>
  );
}
