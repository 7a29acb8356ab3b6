// The server has stopped taking the credential: another is asked for, over what is on the screen.

import { Dialog } from "@base-ui/react/dialog";
import type { ReactNode } from "react";
import { useApp, useSession } from "../api/context";
import { isPortalSession, signOut } from "../api/session";
import * as en from "../messages/en";
import { KeyForm, ProviderButton } from "./sign-in";

export default function Refused(): ReactNode {
  const { config } = useApp();
  const ended = isPortalSession(useSession().key) || (config.oidc !== null && !config.keys);
  return (
    <Dialog.Root open disablePointerDismissal>
      <Dialog.Portal>
        <Dialog.Backdrop className="scrim z-40" />
        <Dialog.Popup className="dialog z-50">
          <Dialog.Title>{ended ? en.signIn.ended : en.signIn.again}</Dialog.Title>
          <Dialog.Description className="text-muted">{ended ? en.signIn.endedText : en.signIn.againText}</Dialog.Description>
          {config.oidc ? <ProviderButton /> : null}
          {ended || !config.keys ? null : <KeyForm again />}
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
