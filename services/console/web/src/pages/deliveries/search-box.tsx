// The search box of the log: words for what the address says, and a place to paste an id.

import { Search } from "lucide-react";
import { type FormEvent, type ReactNode, useId, useRef, useState } from "react";
import * as en from "../../messages/en";
import { useKeys } from "../../parts/keys";
import type { LogSearch } from "./search";
import { type Known, fromWords, toWords } from "./words";

interface Props {
  readonly search: LogSearch;
  readonly known: Known;
  readonly onSearch: (next: LogSearch) => void;
}

export function SearchBox({ search, known, onSearch }: Props): ReactNode {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState<string | null>(null);
  const [problem, setProblem] = useState("");
  useKeys({ "/": () => input.current?.select() });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const understood = fromWords(input.current?.value ?? "", known);
    if (!understood.ok) {
      setProblem(en.log.wrong[understood.why](understood.word));
      return;
    }
    setProblem("");
    setTyped(null);
    onSearch(understood.search);
  };
  return (
    <form role="search" className="search" onSubmit={submit} noValidate>
      <Search size={13} aria-hidden="true" className="flex-none text-muted" />
      <input
        ref={input}
        className="search-input"
        value={typed ?? toWords(search, known)}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          setTyped(null);
          setProblem("");
          event.currentTarget.blur();
        }}
        placeholder={en.log.searchHint}
        aria-label={en.log.searchLabel}
        aria-invalid={problem !== ""}
        aria-describedby={`${id}-help`}
        autoComplete="off"
        spellCheck={false}
        enterKeyHint="search"
      />
      <kbd className="kbd" aria-hidden="true">
        /
      </kbd>
      <p id={`${id}-help`} className={problem ? "search-note field-error" : "search-note field-hint"} role={problem ? "alert" : undefined}>
        {problem || en.log.searchHelp}
      </p>
    </form>
  );
}
