import "./app.css";
import { CSPProvider } from "@base-ui/react/csp-provider";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { channelsQuery } from "./api/channels";
import { type Clients, connect } from "./api/clients";
import { readConfig } from "./api/config";
import { AppProvider } from "./api/context";
import { beginHosted, hostTheme, isFramed } from "./api/host";
import { beginOidc } from "./api/oidc";
import { queries } from "./api/queries";
import { selfQuery } from "./api/self";
import { begin, current } from "./api/session";
import { askAhead } from "./live/ahead";
import { listKey, readLog, toFilter } from "./pages/deliveries/search";
import { Broken } from "./parts/broken";
import { beginTheme, brand } from "./parts/theme";
import { router } from "./router";

begin();
beginTheme(hostTheme);

const root = createRoot(document.getElementById("app") as HTMLElement);

/** What the first page needs of the server, asked before there is a page. In a frame it has to be known first who has signed in. */
function ask(clients: Clients): void {
  const { key, epoch } = current();
  const [, team, page] = /^\/console\/t\/([^/]+)\/([^/]+)/.exec(window.location.pathname) ?? [];
  if (key === null || team === undefined || isFramed) return;
  if (page === "deliveries") {
    const list = readLog(Object.fromEntries(new URLSearchParams(window.location.search)));
    askAhead(clients, team, listKey(list), epoch, toFilter(list, Date.now()));
  }
  void queries.prefetchQuery(selfQuery(clients, epoch));
  void queries.prefetchQuery(channelsQuery(clients, team, epoch));
}

// No await at the top level: what is loaded meanwhile, such as the way back from a provider, imports the file that this module is in, and
// would wait for its end for ever.
async function start(): Promise<void> {
  const page = /^\/console(\/t\/[^/]+\/.+)$/.exec(window.location.pathname)?.[1];
  // Its files come while the server is asked.
  if (page !== undefined) void router.preloadRoute({ to: page as "/" });
  try {
    const config = await readConfig();
    beginHosted(config.embed_origins);
    await beginOidc(config.oidc);
    brand(config.brand.primary_color);
    document.title = config.brand.name;
    const clients = connect(config.api_base);
    ask(clients);
    root.render(
      <StrictMode>
        <CSPProvider disableStyleElements>
          <AppProvider value={{ config, clients }}>
            <QueryClientProvider client={queries}>
              <RouterProvider router={router} />
            </QueryClientProvider>
          </AppProvider>
        </CSPProvider>
      </StrictMode>,
    );
  } catch (error) {
    root.render(<Broken error={error} />);
  }
}

void start();
