// A control with its label, its hint and what the server says of it.

import { type ReactNode, useId } from "react";

export interface ControlProps {
  readonly id: string;
  readonly "aria-invalid": boolean;
  readonly "aria-describedby": string | undefined;
}

interface Props {
  readonly label: ReactNode;
  readonly hint?: ReactNode;
  readonly error?: string | undefined;
  /** The path that the server names it by; the summary of errors leads to it. */
  readonly path?: string;
  readonly children: (control: ControlProps) => ReactNode;
}

export function Field({ label, hint, error, path, children }: Props): ReactNode {
  const id = useId();
  const described = error !== undefined || hint !== undefined;
  return (
    <div className="field" data-path={path}>
      <label className="field-label" htmlFor={id}>
        {label}
      </label>
      {children({ id, "aria-invalid": error !== undefined, "aria-describedby": described ? `${id}-note` : undefined })}
      <Note id={`${id}-note`} hint={hint} error={error} />
    </div>
  );
}

/** Several controls under one name. */
export function FieldGroup({ label, hint, error, path, children }: Omit<Props, "children"> & { children: ReactNode }): ReactNode {
  const id = useId();
  return (
    <fieldset className="field" data-path={path} aria-describedby={hint !== undefined || error !== undefined ? `${id}-note` : undefined}>
      <legend className="field-label mb-1">{label}</legend>
      {children}
      <Note id={`${id}-note`} hint={hint} error={error} />
    </fieldset>
  );
}

function Note({ id, hint, error }: { id: string; hint?: ReactNode; error?: string | undefined }): ReactNode {
  if (error !== undefined) {
    return (
      <p id={id} className="field-error wrap-anywhere">
        {error}
      </p>
    );
  }
  return hint === undefined ? null : (
    <p id={id} className="field-hint wrap-anywhere">
      {hint}
    </p>
  );
}
