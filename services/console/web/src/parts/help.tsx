import type { ReactNode } from "react";
import * as en from "../messages/en";
import { Sheet } from "./dialog";

/** What the keys do. */
export default function Help({ onClose }: { onClose: () => void }): ReactNode {
  return (
    <Sheet open onClose={onClose} title={en.help}>
      <dl className="grid grid-cols-[72px_minmax(0,1fr)] gap-x-3 gap-y-2">
        {en.helpKeys.map(([key, does]) => (
          <div key={key} className="contents">
            <dt>
              <kbd className="kbd">{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <div className="dialog-foot">
        <button type="button" className="btn" onClick={onClose}>
          {en.close}
        </button>
      </div>
    </Sheet>
  );
}
