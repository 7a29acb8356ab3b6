import { Check, Copy } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { en } from "../messages/en";

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
        void write(text).then(() => setCopied(true));
      }}
    >
      {copied ? <Check aria-hidden="true" /> : <Copy aria-hidden="true" />}
      <span aria-live="polite">{copied ? en.copied : (label ?? en.copy)}</span>
    </button>
  );
}

async function write(text: string): Promise<void> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // The clipboard's own interface exists only on pages that came by HTTPS or from this machine.
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "sr-only";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
