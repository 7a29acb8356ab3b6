import { Check, Copy } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import * as en from "../messages/en";

/** Copies a text, and says so for a moment. */
export function CopyButton({ text, label, className = "btn" }: { text: string; label?: string; className?: string }): ReactNode {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2_000);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <button
      type="button"
      className={className}
      onClick={() => {
        void copyText(text).then(setCopied);
      }}
    >
      {copied ? <Check aria-hidden="true" /> : <Copy aria-hidden="true" />}
      <span aria-live="polite">{copied ? en.copied : (label ?? en.copy)}</span>
    </button>
  );
}

/** Whether the clipboard has it now. */
export async function copyText(text: string): Promise<boolean> {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  }
  // The clipboard's own interface exists only on pages that came by HTTPS or from this machine.
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "sr-only";
  // A dialog keeps the focus inside of it.
  (document.activeElement?.closest("[role='dialog'], [role='alertdialog']") ?? document.body).append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  return isCopied;
}
