import { counted } from "./counted";

export const findings = {
  title: "Worth a look",
  more: (count: number) => `${counted(count, "more finding", "more findings")}`,
};
