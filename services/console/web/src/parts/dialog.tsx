// Dialogs: what is asked before something that cannot be taken back, and what needs a form of its own.

import { AlertDialog } from "@base-ui/react/alert-dialog";
import { Dialog } from "@base-ui/react/dialog";
import { type ReactNode, useState } from "react";
import * as en from "../messages/en";
import { plain } from "./format";

interface ConfirmProps {
  readonly open: boolean;
  readonly onClose: () => void;
  readonly title: string;
  readonly children: ReactNode;
  /** The verb, with the count: "Deliver 6 again". */
  readonly verb: string;
  readonly danger?: boolean;
  readonly busy?: boolean;
  /** What has to be typed first; nothing when absent. */
  readonly typed?: string | undefined;
  readonly disabled?: boolean;
  readonly onConfirm: () => void;
}

export function Confirm(props: ConfirmProps): ReactNode {
  const { open, onClose, title, children, verb, danger = false, busy = false, typed, disabled = false, onConfirm } = props;
  const [text, setText] = useState("");
  const ready = !disabled && !busy && (typed === undefined || text.trim() === typed);
  return (
    <AlertDialog.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="scrim z-40" />
        <AlertDialog.Popup className="dialog z-50">
          <AlertDialog.Title>{title}</AlertDialog.Title>
          <AlertDialog.Description render={<div />} className="grid gap-2">
            {children}
          </AlertDialog.Description>
          {typed === undefined ? null : (
            <label className="field">
              <span className="field-label">{en.typeName(plain(typed))}</span>
              <input className="input" value={text} onChange={(event) => setText(event.target.value)} autoComplete="off" />
            </label>
          )}
          <div className="dialog-foot">
            <AlertDialog.Close className="btn">{en.cancel}</AlertDialog.Close>
            <button type="button" className={`btn ${danger ? "btn-danger" : "btn-primary"}`} disabled={!ready} onClick={onConfirm}>
              {verb}
            </button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}

interface SheetProps {
  readonly open: boolean;
  readonly onClose: () => void;
  readonly title: string;
  readonly description?: string;
  readonly wide?: boolean;
  /** Only the buttons inside close it. */
  readonly firm?: boolean;
  readonly children: ReactNode;
}

export function Sheet({ open, onClose, title, description, wide = false, firm = false, children }: SheetProps): ReactNode {
  return (
    <Dialog.Root
      open={open}
      onOpenChange={(next, details) => {
        if (next || (firm && details.reason === "escape-key")) return;
        onClose();
      }}
      disablePointerDismissal={firm}
    >
      <Dialog.Portal>
        <Dialog.Backdrop className="scrim z-40" />
        <Dialog.Popup className={`dialog z-50 ${wide ? "dialog-wide" : ""}`}>
          <Dialog.Title>{title}</Dialog.Title>
          {description === undefined ? null : <Dialog.Description className="text-muted">{description}</Dialog.Description>}
          {children}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
