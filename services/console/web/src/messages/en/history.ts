export const history = {
  title: "History",
  everybody: "Changes by everybody",
  empty: "No change is kept",
  key: (name: string) => `API key ${name}`,
  platform: "Watchbell",
  revert: "Take back…",
  revertTitle: (revision: string) => `Take revision ${revision} back?`,
  revertText: "What has changed since stays. It would change:",
  revertVerb: "Take it back",
  reverted: (revision: string) => `Revision ${revision} was taken back`,
  refused: "It could not be taken back",
};
