import type { ReactNode } from "react";
import * as en from "../messages/en";
import { setSounds, useSounds } from "./ring";
import { Toggle } from "./toggle";

/** Whether what comes in is heard. */
export function Sounds(): ReactNode {
  return <Toggle label={en.bell.sounds} hint={en.bell.soundsHint} checked={useSounds()} onChange={setSounds} />;
}
