// Our own small drawings: states and kinds, 16 units wide, drawn with the colour of the text around them.

import type { ReactNode } from "react";
import type { KindWord, StateWord } from "../api/words";

function Glyph({ path, width, size = 11 }: { path: string; width: number; size?: number }): ReactNode {
  return (
    <svg
      viewBox="0 0 16 16"
      width={size}
      height={size}
      fill="none"
      stroke="currentColor"
      strokeWidth={width}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={path} />
    </svg>
  );
}

const STATE: Record<StateWord, string> = {
  delivered: "M3 8.5l3.2 3L13 5",
  pending: "M13 8a5 5 0 11-1.6-3.7M13 2.5v2.8h-2.8",
  held: "M12.5 9.8A5 5 0 116.3 3.500a4 4 0 006.2 6.3z",
  parked: "M5.5 3.5v9M10.5 3.5v9",
  folded: "M3 4h10M3 7.5h10M5 11h6",
  failed: "M4 4l8 8M12 4l-8 8",
  cancelled: "M3 8h10",
};

const KIND: Record<KindWord, string> = {
  slack: "M5 3.5v9M11 3.5v9M3 5.5h10M3 10.5h10",
  teams: "M3.5 4h9M8 4v8.5",
  email: "M2.5 4h11v8h-11zM2.5 4.5L8 9l5.500-4.5",
  webhook: "M5 5l-3 3 3 3M11 5l3 3-3 3",
  "in-app": "M4 11V7.500a4 4 0 018 0V11l1 1H3zM7 13.500h2",
};

export function StateIcon({ state }: { state: StateWord | null }): ReactNode {
  return <Glyph path={state ? STATE[state] : "M8 4v5M8 12v.5"} width={2.2} />;
}

export function KindIcon({ kind, size = 11 }: { kind: KindWord | null; size?: number }): ReactNode {
  return (
    <span className={`kind kind-${kind ?? "unknown"}`} style={size === 11 ? undefined : { width: size + 9, height: size + 9 }}>
      <Glyph path={kind ? KIND[kind] : "M8 4v5M8 12v.5"} width={1.8} size={size} />
    </span>
  );
}
