// What every page needs: the services, the configuration, the session.

import { createContext, useContext, useSyncExternalStore } from "react";
import type { Clients } from "./clients";
import type { Config } from "./config";
import { type Session, current, subscribe } from "./session";

export interface App {
  readonly config: Config;
  readonly clients: Clients;
}

const AppContext = createContext<App | null>(null);

export const AppProvider = AppContext.Provider;

export function useApp(): App {
  const app = useContext(AppContext);
  if (app === null) throw new Error("there is no application around this");
  return app;
}

export function useSession(): Session {
  return useSyncExternalStore(subscribe, current);
}
