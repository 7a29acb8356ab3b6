// What is on the screen, as commands for a POSIX shell.

/** A word of a shell's command, quoted when it has to be. */
export function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

export function command(...words: readonly string[]): string {
  return ["watchbell", ...words.map(word)].join(" ");
}

/** The delivery, its attempts and the way to send it again. */
export function deliveryCommands(team: string, delivery: string, event: string): string {
  return [
    `export WATCHBELL_TEAM=${word(team)}`,
    command("deliveries", "show", delivery, "--headers"),
    command("deliveries", "list", "--event", event),
    command("deliveries", "replay", delivery),
  ].join("\n");
}
