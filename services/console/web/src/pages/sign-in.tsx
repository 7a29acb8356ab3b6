// Signing in by an API key.

import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useId, useRef, useState } from "react";
import { connect } from "../api/clients";
import { useApp } from "../api/context";
import { isFramed } from "../api/host";
import { leaveForProvider, oidcProblem } from "../api/oidc";
import { isUnauthenticated, problemOf } from "../api/errors";
import { maySeeAllOf, readSelf, useSelf } from "../api/self";
import { renew, signIn } from "../api/session";
import { readTeams } from "../api/team";
import * as en from "../messages/en";

/** Asks for a key and tries it before it is taken. */
export function KeyForm({ again = false }: { again?: boolean }): ReactNode {
  const { config } = useApp();
  const self = useSelf();
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [keep, setKeep] = useState(false);
  const [problem, setProblem] = useState("");
  const attempt = useMutation({
    mutationFn: async (key: string) => {
      const clients = connect(config.api_base, key);
      await readTeams(clients);
      return readSelf(clients);
    },
    onSuccess: (next, key) => {
      if (again && self && maySeeAllOf(self, next)) renew(key, keep);
      else signIn(key, keep);
    },
    onError: (error) => {
      setProblem(isUnauthenticated(error) ? en.signIn.wrong : problemOf(error).text);
      input.current?.focus();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const key = input.current?.value.trim() ?? "";
    if (key === "") {
      setProblem(en.signIn.empty);
      input.current?.focus();
      return;
    }
    setProblem("");
    attempt.mutate(key);
  };
  return (
    <form className="grid gap-3" onSubmit={submit} noValidate>
      <div className="field">
        <label className="field-label" htmlFor={`${id}-key`}>
          {en.signIn.key}
        </label>
        <input
          ref={input}
          id={`${id}-key`}
          className="input mono"
          type="password"
          autoComplete="off"
          spellCheck={false}
          placeholder={en.signIn.placeholder}
          aria-invalid={problem !== ""}
          aria-describedby={`${id}-hint`}
          autoFocus
        />
        {problem ? (
          <p className="field-error" id={`${id}-hint`} role="alert">
            {problem}
          </p>
        ) : (
          <p className="field-hint" id={`${id}-hint`}>
            {en.signIn.hint}
          </p>
        )}
      </div>
      <div className="flex items-start gap-2">
        <input
          type="checkbox"
          id={`${id}-keep`}
          className="check"
          checked={keep}
          onChange={(event) => setKeep(event.target.checked)}
          aria-describedby={`${id}-keep-hint`}
        />
        <div>
          <label htmlFor={`${id}-keep`} className="font-semibold">
            {en.signIn.keep}
          </label>
          <p className="field-hint" id={`${id}-keep-hint`}>
            {en.signIn.keepHint}
          </p>
        </div>
      </div>
      <button type="submit" className="btn btn-primary" disabled={attempt.isPending}>
        {again ? en.live.resume : en.signIn.submit}
      </button>
    </form>
  );
}

/** Leads to the identity provider, and back to the page on the screen. */
export function ProviderButton(): ReactNode {
  const { config } = useApp();
  const leaving = useMutation({ mutationFn: async () => (config.oidc ? leaveForProvider(config.oidc) : undefined) });
  const problem = leaving.error ?? oidcProblem();
  return (
    <div className="grid gap-2">
      <button type="button" className="btn btn-primary" disabled={leaving.isPending || leaving.isSuccess} onClick={() => leaving.mutate()}>
        {en.signIn.provider}
      </button>
      {problem ? (
        <p className="field-error wrap-anywhere" role="alert">
          {en.signIn.providerRefused} {problem instanceof Error ? problem.message : ""}
        </p>
      ) : null}
    </div>
  );
}

export function SignIn(): ReactNode {
  const { config } = useApp();
  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <div className="card grid w-full max-w-[400px] gap-4 p-6">
        <div className="flex items-center gap-3">
          <BrandMark />
          <h1>{en.signIn.title(config.brand.name)}</h1>
        </div>
        {config.oidc && !isFramed ? <ProviderButton /> : null}
        {config.keys ? (
          <>
            <KeyForm />
            <details className="text-muted">
              <summary>{en.signIn.first}</summary>
              <p className="mt-1">{en.signIn.firstText}</p>
            </details>
          </>
        ) : config.oidc ? null : (
          <p>{en.signIn.off}</p>
        )}
      </div>
    </main>
  );
}

export function BrandMark(): ReactNode {
  const { brand } = useApp().config;
  if (brand.logo_url) return <img src={brand.logo_url} alt="" width={28} height={28} className="rounded-md" />;
  return (
    <span className="team-mark" aria-hidden="true">
      <svg viewBox="0 0 16 16" width="13" height="13" fill="none" stroke="currentColor" strokeWidth="1.700">
        <path d="M4 11V7.500a4 4 0 018 0V11l1 1H3zM7 13.500h2" strokeLinecap="round" strokeLinejoin="round" />
      </svg>
    </span>
  );
}
