import type { ReactNode } from "react";
import { problemOf } from "../api/errors";
import { en } from "../messages/en";

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
      {again && !old ? (
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
