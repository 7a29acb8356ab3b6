// A form in a dialog: what was refused above it, the two buttons below.

import type { FormEvent, ReactNode } from "react";
import type { Placed } from "../api/errors";
import * as en from "../messages/en";
import { Sheet } from "./dialog";
import { ErrorSummary } from "./errors";

interface Props {
  readonly title: string;
  readonly description?: string;
  readonly wide?: boolean;
  /** Something was typed: only the buttons close it. */
  readonly firm: boolean;
  readonly errors: Placed;
  readonly busy: boolean;
  /** The verb of the button, and what it says meanwhile. */
  readonly verb?: readonly [string, string];
  readonly disabled?: boolean;
  readonly onSubmit: () => void;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

const SAVE = [en.channel.save, en.channel.saving] as const;

export function FormDialog(props: Props): ReactNode {
  const { title, description, wide = false, firm, errors, busy, verb = SAVE, disabled = false, onSubmit, onClose, children } = props;
  const { fields, rest } = errors;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit();
  };
  return (
    <Sheet open onClose={onClose} title={title} wide={wide} firm={firm} {...(description === undefined ? {} : { description })}>
      <form className="grid gap-4" noValidate onSubmit={submit}>
        {/* Errors at fields speak for themselves, unless there are others, too. */}
        <ErrorSummary errors={rest.length > 0 ? fields : new Map()} rest={rest} />
        {children}
        <div className="dialog-foot">
          <button type="button" className="btn" onClick={onClose}>
            {en.cancel}
          </button>
          <button type="submit" className="btn btn-primary" disabled={busy || disabled}>
            {busy ? verb[1] : verb[0]}
          </button>
        </div>
      </form>
    </Sheet>
  );
}
