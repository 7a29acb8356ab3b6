// Around every page: nobody signed in, a credential that the server has stopped taking, an address without a page.

import { useQueryClient } from "@tanstack/react-query";
import { Outlet } from "@tanstack/react-router";
import { type ReactNode, Suspense, lazy, useEffect } from "react";
import { useSession } from "../api/context";
import { en } from "../messages/en";
import { SignIn } from "./sign-in";

const Refused = lazy(() => import("./refused"));

export function Root(): ReactNode {
  const { key, refused, epoch } = useSession();
  const cache = useQueryClient();
  useEffect(() => {
    // What another credential has read is not shown to this one.
    if (key === null) cache.clear();
    else void cache.invalidateQueries();
  }, [cache, key, epoch]);
  if (key === null) return <SignIn />;
  return (
    <>
      <Outlet />
      <Suspense fallback={null}>{refused ? <Refused /> : null}</Suspense>
    </>
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
