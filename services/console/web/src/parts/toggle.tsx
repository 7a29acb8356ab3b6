import { Switch } from "@base-ui/react/switch";
import { type ReactNode, useId } from "react";

interface Props {
  readonly label: string;
  readonly hint?: string;
  readonly checked: boolean;
  readonly disabled?: boolean;
  readonly onChange: (checked: boolean) => void;
}

/** On or off, with what it means. */
export function Toggle({ label, hint, checked, disabled = false, onChange }: Props): ReactNode {
  const id = useId();
  return (
    <div className="flex items-start gap-3">
      <Switch.Root
        className="switch"
        checked={checked}
        disabled={disabled}
        onCheckedChange={onChange}
        aria-labelledby={`${id}-label`}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
      >
        <Switch.Thumb className="switch-thumb" />
      </Switch.Root>
      <div className="min-w-0">
        <span id={`${id}-label`} className="font-semibold">
          {label}
        </span>
        {hint === undefined ? null : (
          <p id={`${id}-hint`} className="field-hint">
            {hint}
          </p>
        )}
      </div>
    </div>
  );
}

interface ChoiceProps<T> {
  readonly options: readonly T[];
  readonly chosen: readonly T[];
  readonly word: (option: T) => string;
  readonly onChange: (chosen: T[]) => void;
  readonly label: string;
}

/** Any number of a few. */
export function Choice<T extends string | number>({ options, chosen, word, onChange, label }: ChoiceProps<T>): ReactNode {
  return (
    <div role="group" aria-label={label} className="flex flex-wrap gap-1.5">
      {options.map((option) => {
        const has = chosen.includes(option);
        return (
          <button
            key={option}
            type="button"
            className="chip"
            aria-pressed={has}
            onClick={() => onChange(has ? chosen.filter((other) => other !== option) : options.filter((other) => other === option || chosen.includes(other)))}
          >
            {word(option)}
          </button>
        );
      })}
    </div>
  );
}
