// The server has stopped taking the credential: another is asked for, over what is on the screen.

import { Dialog } from "@base-ui/react/dialog";
import type { ReactNode } from "react";
import { signOut } from "../api/session";
import { en } from "../messages/en";
import { KeyForm } from "./sign-in";

export default function Refused(): ReactNode {
  return (
    <Dialog.Root open disablePointerDismissal>
      <Dialog.Portal>
        <Dialog.Backdrop className="scrim z-40" />
        <Dialog.Popup className="dialog z-50">
          <Dialog.Title>{en.signIn.again}</Dialog.Title>
          <Dialog.Description className="text-muted">{en.signIn.againText}</Dialog.Description>
          <KeyForm again />
          <div className="dialog-foot">
            <button type="button" className="btn btn-quiet" onClick={signOut}>
              {en.shell.signOut}
            </button>
          </div>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
