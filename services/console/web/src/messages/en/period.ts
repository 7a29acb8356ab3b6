export const period = {
  earlier: "Earlier",
  later: "Later",
  wider: "Twice as long",
  own: "From … to …",
  title: "Which time?",
  text: "By this browser’s clock.",
  from: "From",
  to: "To",
  toHint: "Empty for now, and what comes.",
  wrong: "The end is before the beginning.",
  show: "Show it",
};
