export const help = "Keyboard shortcuts";

export const helpKeys = [
  ["⌘K", "Go anywhere; Ctrl K on other systems"],
  ["/", "Filter the log, or paste an id"],
  ["j  k", "Next and previous row"],
  ["Enter", "Open the row"],
  ["Esc", "Close what is open"],
  ["r", "Replay the row"],
  ["p", "Pause and resume the log"],
  ["t", "Switch team, with a platform key"],
  ["?", "This list"],
] as const;
