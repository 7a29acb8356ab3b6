import { Toast } from "@base-ui/react/toast";
import { X } from "lucide-react";
import { type ReactNode, useEffect } from "react";
import * as en from "../messages/en";
import { open } from "./toast";

function List(): ReactNode {
  const { toasts, add } = Toast.useToastManager();
  useEffect(() => open(add), [add]);
  return toasts.map((toast) => (
    <Toast.Root key={toast.id} toast={toast} className="toast">
      <div className="min-w-0 flex-1">
        <Toast.Title className="font-semibold text-ink" render={<p />} />
        <Toast.Description className="text-muted wrap-anywhere" />
      </div>
      <Toast.Close className="btn btn-quiet btn-small btn-icon" aria-label={en.close}>
        <X aria-hidden="true" />
      </Toast.Close>
    </Toast.Root>
  ));
}

/** The list of toasts, over whatever page is shown. */
export default function Toasts(): ReactNode {
  return (
    <Toast.Provider limit={4}>
      <Toast.Portal>
        <Toast.Viewport className="toasts">
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}
