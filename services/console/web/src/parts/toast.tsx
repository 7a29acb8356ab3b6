// What has just been done, said once at the edge of the screen.

import { Toast } from "@base-ui/react/toast";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { problemOf } from "../api/errors";
import * as en from "../messages/en";
import { duration } from "./format";

const manager = Toast.createToastManager();

/** Says that something was done. */
export function done(title: string, description?: string): void {
  manager.add({ title, description, type: "done" });
}

/** Says that something was refused, in the server's words. */
export function refused(title: string, error: unknown): void {
  const problem = problemOf(error);
  const fields = problem.violations.map(({ path, text }) => `${path}: ${text}`).join("; ");
  const wait = problem.retryAfter === null ? "" : ` ${en.broken.worth(duration(problem.retryAfter))}`;
  manager.add({ title, description: `${fields || problem.text}${wait}`, type: "error", timeout: 12_000, priority: "high" });
}

function List(): ReactNode {
  const { toasts } = Toast.useToastManager();
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

export function Toasts({ children }: { children: ReactNode }): ReactNode {
  return (
    <Toast.Provider toastManager={manager} limit={4}>
      {children}
      <Toast.Portal>
        <Toast.Viewport className="toasts">
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}
