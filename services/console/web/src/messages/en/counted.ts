// Numbers and what they count.

const plural = new Intl.PluralRules("en");
export const number = new Intl.NumberFormat("en");

/** "1 delivery", "1,204 deliveries". */
export function counted(count: number, one: string, other: string): string {
  return `${number.format(count)} ${plural.select(count) === "one" ? one : other}`;
}

export const deliveriesCounted = (count: number) => counted(count, "delivery", "deliveries");
export const membersCounted = (count: number) => counted(count, "member", "members");
export const typesCounted = (count: number) => counted(count, "type", "types");
export const recipientsCounted = (count: number) => counted(count, "recipient", "recipients");
export const eventsCounted = (count: number) => counted(count, "event", "events");
export const rulesCounted = (count: number) => counted(count, "rule", "rules");
