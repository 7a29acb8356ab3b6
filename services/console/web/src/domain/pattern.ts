/** Whether an event type is one of the pattern's: exact, a group such as `finding.*`, or all. */
export function patternMatches(pattern: string, type: string): boolean {
  if (pattern === "*") return true;
  return pattern.endsWith(".*") ? type.startsWith(pattern.slice(0, -1)) : pattern === type;
}
