// A signing secret that has just been made: shown once, with the ways to check a signature by it. It is in no cache.

import { type ReactNode, useState } from "react";
import { useApp } from "../../api/context";
import { snippets } from "../../domain/verify";
import * as en from "../../messages/en";
import { CopyButton } from "../../parts/copy";
import { Sheet } from "../../parts/dialog";

interface Props {
  readonly secret: string;
  /** When the one before stops signing, in words; absent when there is none. */
  readonly oldUntil?: string | undefined;
  readonly onStored: () => void;
}

export function SecretShown({ secret, oldUntil, onStored }: Props): ReactNode {
  const { brand } = useApp().config;
  const all = snippets(brand.signature_header);
  const [language, setLanguage] = useState(all[0]?.language ?? "");
  const chosen = all.find((one) => one.language === language);
  return (
    <Sheet open onClose={onStored} title={en.secret.title} description={en.secret.text} wide firm>
      <div className="flex items-center gap-2">
        <code className="code min-w-0 flex-1" aria-label={en.secret.value}>
          {secret}
        </code>
        <CopyButton text={secret} />
      </div>
      {oldUntil ? <p>{en.secret.oldUntil(oldUntil)}</p> : null}
      <section className="grid gap-2">
        <h3>{en.secret.verify}</h3>
        <div className="seg max-w-full justify-self-start overflow-x-auto" role="group" aria-label={en.secret.language}>
          {all.map((one) => (
            <button key={one.language} type="button" aria-pressed={one.language === language} onClick={() => setLanguage(one.language)}>
              {one.language}
            </button>
          ))}
        </div>
        <pre className="code max-h-64 overflow-y-auto" tabIndex={0} aria-label={`${en.secret.verify}: ${language}`}>
          {chosen?.code}
        </pre>
        <div>
          <CopyButton text={chosen?.code ?? ""} className="btn btn-small" />
        </div>
      </section>
      <div className="dialog-foot">
        <button type="button" className="btn btn-primary" onClick={onStored}>
          {en.secret.stored}
        </button>
      </div>
    </Sheet>
  );
}
