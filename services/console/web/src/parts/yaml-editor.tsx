// An editor of YAML with completion. It lives in a shadow root: there its styles are style sheets that the page's policy allows.

import { type CompletionContext, type CompletionResult, acceptCompletion, autocompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, bracketMatching, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, drawSelection, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { type ReactNode, type Ref, useEffect, useImperativeHandle, useRef } from "react";
import { type Known, offersAt, placeAt } from "../domain/document-offers";

export interface EditorHandle {
  /** Selects a line, from 1, and brings it into sight. */
  readonly show: (line: number) => void;
}

interface Props {
  readonly label: string;
  readonly value: string;
  readonly readOnly: boolean;
  readonly known: Known;
  readonly handle: Ref<EditorHandle>;
  readonly onChange: (next: string) => void;
}

const theme = EditorView.theme({
  "&": { height: "100%", color: "var(--wb-ink)", backgroundColor: "var(--wb-card)", border: "1px solid var(--wb-line-strong)", borderRadius: "6px" },
  "&.cm-focused": { outline: "2px solid var(--wb-brand)", outlineOffset: "-1px" },
  ".cm-scroller": { fontFamily: "ui-monospace, monospace", fontSize: "12.5px", lineHeight: "1.5" },
  ".cm-content": { caretColor: "var(--wb-ink)" },
  ".cm-cursor": { borderLeftColor: "var(--wb-ink)" },
  ".cm-gutters": { color: "var(--wb-muted)", backgroundColor: "var(--wb-sunken)", border: "none" },
  ".cm-activeLine": { backgroundColor: "var(--wb-brand-veil)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--wb-brand-line)" },
  ".cm-tooltip": { color: "var(--wb-ink)", backgroundColor: "var(--wb-raised)", border: "1px solid var(--wb-line)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { color: "var(--wb-on-brand)", backgroundColor: "var(--wb-brand)" },
  ".cm-completionInfo": { maxWidth: "360px", padding: "6px 8px" },
});

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--wb-brand)" },
  { tag: tags.definition(tags.propertyName), color: "var(--wb-brand)" },
  { tag: tags.comment, color: "var(--wb-muted)" },
  { tag: tags.string, color: "var(--wb-delivered)" },
  { tag: tags.punctuation, color: "var(--wb-muted)" },
]);

function complete(context: CompletionContext, known: Known): CompletionResult | null {
  const place = placeAt(context.state.doc.sliceString(0, context.pos));
  if (!place || (place.typed === "" && !context.explicit)) return null;
  const options = offersAt(place, known).map(({ label, text, info }) => ({
    label,
    apply: text,
    type: place.key === null ? "property" : "constant",
    ...(info === "" ? {} : { info }),
  }));
  return { from: context.pos - place.typed.length, options, validFor: /^[\w.#*"@-]*$/ };
}

export default function YamlEditor({ label, value, readOnly, known, handle, onChange }: Props): ReactNode {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const latest = useRef({ known, onChange });
  const locked = useRef(new Compartment());
  useEffect(() => {
    latest.current = { known, onChange };
  });
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const root = element.shadowRoot ?? element.attachShadow({ mode: "open" });
    const editor = new EditorView({
      parent: root,
      root,
      state: EditorState.create({
        extensions: [
          lineNumbers(),
          history(),
          drawSelection(),
          indentOnInput(),
          bracketMatching(),
          highlightActiveLine(),
          yaml(),
          syntaxHighlighting(colours),
          autocompletion({ override: [(context) => complete(context, latest.current.known)], icons: false }),
          // Escape, and then Tab, leaves the editor.
          keymap.of([{ key: "Tab", run: acceptCompletion }, ...completionKeymap, ...historyKeymap, ...defaultKeymap, indentWithTab]),
          EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false", tabindex: "0" }),
          locked.current.of([]),
          theme,
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    return () => editor.destroy();
  }, [label]);
  useEffect(() => {
    const editor = view.current;
    const length = editor?.state.doc.length ?? 0;
    if (editor && editor.state.doc.toString() !== value) editor.dispatch({ changes: { from: 0, to: length, insert: value } });
  }, [value]);
  useEffect(() => {
    const extensions = readOnly ? [EditorState.readOnly.of(true), EditorView.contentAttributes.of({ "aria-readonly": "true" })] : [];
    view.current?.dispatch({ effects: locked.current.reconfigure(extensions) });
  }, [readOnly]);
  useImperativeHandle(handle, () => ({
    show: (number) => {
      const editor = view.current;
      if (!editor || number > editor.state.doc.lines) return;
      const { from, to } = editor.state.doc.line(number);
      editor.dispatch({ selection: { anchor: from, head: to }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
      editor.focus();
    },
  }));
  return <div ref={host} className="config-text" />;
}
