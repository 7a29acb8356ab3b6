// Around every page: nobody signed in, a credential that the server has stopped taking, an address without a page.

import { useQueryClient } from "@tanstack/react-query";
import { Outlet } from "@tanstack/react-router";
import { type ReactNode, Suspense, lazy, useEffect, useRef, useState } from "react";
import { useApp, useSession } from "../api/context";
import { isFramed, isHosted } from "../api/host";
import * as en from "../messages/en";
import { SignIn } from "./sign-in";

const Refused = lazy(() => import("./refused"));
const Toasts = lazy(() => import("../parts/toasts"));

export function Root(): ReactNode {
  return (
    <>
      <Inside />
      <Suspense fallback={null}>
        <Toasts />
      </Suspense>
    </>
  );
}

function Inside(): ReactNode {
  const { key, refused, epoch } = useSession();
  const cache = useQueryClient();
  const begun = useRef(`${epoch} ${key}`);
  useEffect(() => {
    // What was asked for while the page was being loaded is of this credential.
    if (begun.current === `${epoch} ${key}`) return;
    begun.current = "";
    // What another credential has read is not shown to this one.
    if (key === null) cache.clear();
    else void cache.invalidateQueries();
  }, [cache, key, epoch]);
  if (key === null) return isFramed ? <Awaited /> : <SignIn />;
  return (
    <>
      <Outlet />
      <Suspense fallback={null}>{refused && !isHosted() ? <Refused /> : null}</Suspense>
      {refused && isHosted() ? (
        <div className="banner banner-over" role="alert">
          {en.signIn.hostAgain}
        </div>
      ) : null}
    </>
  );
}

/** How long the page around is waited for. */
const PATIENCE = 4_000;

/** In a frame, until the page around has handed over a token; a page that has none to give leaves it to the keys. */
function Awaited(): ReactNode {
  const { config } = useApp();
  const [isOver, setIsOver] = useState(config.embed_origins.length === 0);
  useEffect(() => {
    const timer = setTimeout(() => setIsOver(true), PATIENCE);
    return () => clearTimeout(timer);
  }, []);
  if (isOver) return <SignIn />;
  return (
    <main className="empty" role="status">
      {en.loading}
    </main>
  );
}

/** A key of the platform in a frame. */
export function Barred(): ReactNode {
  return (
    <main className="empty" role="alert">
      <h1>{en.signIn.barred}</h1>
      <p>{en.signIn.barredText}</p>
    </main>
  );
}

export function Missing(): ReactNode {
  return (
    <main className="empty">
      <h1>{en.broken.missing}</h1>
      <a className="btn" href="/console/">
        {en.shell.deliveries}
      </a>
    </main>
  );
}
