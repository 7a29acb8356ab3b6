// The fields of a type's data, and what each means.

import type { ReactNode } from "react";
import { type DataField, shown } from "../domain/schema-fields";
import * as en from "../messages/en";
import { plain } from "./format";

export function SchemaNotes({ fields }: { fields: readonly DataField[] }): ReactNode {
  return (
    <dl className="facts">
      {fields.map((field) => (
        <div key={field.name} className="contents">
          <dt className="mono wrap-anywhere">{plain(field.name)}</dt>
          <dd className="wrap-anywhere">
            {plain(field.description)} <span className="text-muted">{about(field)}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function about({ kind, isRequired, options }: DataField): string {
  const what = kind === "choice" ? options.map((option) => plain(shown(option))).join(", ") : en.catalog.fieldKinds[kind];
  return isRequired ? en.catalog.required(what) : what;
}
