import "./app.css";
import { CSPProvider } from "@base-ui/react/csp-provider";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { connect } from "./api/clients";
import { readConfig } from "./api/config";
import { AppProvider } from "./api/context";
import { beginHosted, hostTheme } from "./api/host";
import { beginOidc } from "./api/oidc";
import { queries } from "./api/queries";
import { begin } from "./api/session";
import { Broken } from "./parts/broken";
import { beginTheme, brand } from "./parts/theme";
import { router } from "./router";

begin();
beginTheme(hostTheme);

const root = createRoot(document.getElementById("app") as HTMLElement);

// No await at the top level: what is loaded meanwhile, such as the way back from a provider, imports the file that this module is in, and
// would wait for its end for ever.
async function start(): Promise<void> {
  const page = /^\/console(\/t\/[^/]+\/.+)$/.exec(window.location.pathname)?.[1];
  // Its file comes while the server is asked who has signed in.
  if (page !== undefined) void router.preloadRoute({ to: page as "/" });
  try {
    const config = await readConfig();
    beginHosted(config.embed_origins);
    await beginOidc(config.oidc);
    brand(config.brand.primary_color);
    document.title = config.brand.name;
    root.render(
      <StrictMode>
        <CSPProvider disableStyleElements>
          <AppProvider value={{ config, clients: connect(config.api_base) }}>
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
