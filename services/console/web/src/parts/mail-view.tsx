// An email: its subject, and either part of it.

import { type ReactNode, useState } from "react";
import * as en from "../messages/en";
import { plain } from "./format";
import { Mail } from "./mail";

interface Props {
  readonly email: { readonly subject: string; readonly html: string; readonly text: string };
  /** Before the choice of the part. */
  readonly title?: ReactNode;
  /** Below the subject. */
  readonly children?: ReactNode;
}

const PARTS = ["html", "text"] as const;

export function MailView({ email, title, children }: Props): ReactNode {
  const [part, setPart] = useState<(typeof PARTS)[number]>("html");
  return (
    <div className="grid min-w-0 gap-2">
      <div className="flex flex-wrap items-center gap-2">
        {title}
        <div className="seg ms-auto" role="group" aria-label={en.mail.part}>
          {PARTS.map((one) => (
            <button key={one} type="button" aria-pressed={part === one} onClick={() => setPart(one)}>
              {en.mail.parts[one]}
            </button>
          ))}
        </div>
      </div>
      <p className="wrap-anywhere">
        <b>{plain(email.subject)}</b>
      </p>
      {children}
      {part === "html" ? (
        <Mail html={email.html} label={en.mail.parts.html} />
      ) : (
        <pre className="code whitespace-pre-wrap" tabIndex={0} aria-label={en.mail.parts.text}>
          {plain(email.text)}
        </pre>
      )}
    </div>
  );
}
