// A period by its beginning and end, for those who do not drag.

import { type ReactNode, useState } from "react";
import type { Period } from "../../domain/period";
import * as en from "../../messages/en";
import { Field } from "../../parts/field";
import { NO_ERRORS } from "../../parts/errors";
import { FormDialog } from "../../parts/form-dialog";
import { written } from "../../parts/format";

interface Props {
  /** To begin with. */
  readonly period: Period;
  readonly onPeriod: (period: Period) => void;
  readonly onClose: () => void;
}

const read = (text: string) => new Date(text).getTime();

export function PeriodDialog({ period, onPeriod, onClose }: Props): ReactNode {
  const [from, setFrom] = useState(written(period.from));
  const [to, setTo] = useState(period.to === null ? "" : written(period.to));
  const isWrong = to !== "" && read(to) <= read(from);
  return (
    <FormDialog
      title={en.period.title}
      description={en.period.text}
      firm={false}
      errors={NO_ERRORS}
      busy={false}
      verb={[en.period.show, en.period.show]}
      disabled={isWrong || Number.isNaN(read(from))}
      onSubmit={() => onPeriod({ from: read(from), to: to === "" ? null : read(to) })}
      onClose={onClose}
    >
      <Field label={en.period.from}>
        {(control) => <input {...control} type="datetime-local" className="input" value={from} onChange={(event) => setFrom(event.target.value)} />}
      </Field>
      <Field label={en.period.to} hint={en.period.toHint} error={isWrong ? en.period.wrong : undefined}>
        {(control) => <input {...control} type="datetime-local" className="input" value={to} onChange={(event) => setTo(event.target.value)} />}
      </Field>
    </FormDialog>
  );
}
