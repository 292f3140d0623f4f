/** Labelled controls: every one has its name beside it and shows its value. */

import type { ComponentChildren } from "preact";
import { useOwnId } from "./ownId.ts";

/** What every control has. */
interface Named {
  label: string;
  /** A `Term` that says what the label means; outside of the label, which would read it out too. */
  term?: ComponentChildren;
}

/** A control with its label; `children` gives the control its id. */
export function Field(props: Named & { class?: string; children: (id: string) => ComponentChildren }) {
  const id = useOwnId();
  return (
    <div class={`field ${props.class ?? ""}`}>
      <span class="field-head">
        <label for={id}>{props.label}</label>
        {props.term}
      </span>
      {props.children(id)}
    </div>
  );
}

/** A slider that shows its value; `shown` writes it for a person. */
export function Slider(
  props: Named & {
    value: number;
    min: number;
    max: number;
    step: number;
    onInput: (value: number) => void;
    shown?: string;
    disabled?: boolean;
  },
) {
  const shown = props.shown ?? String(props.value);
  return (
    <Field label={props.label} term={props.term} class="part-slider">
      {(id) => (
        <>
          <input
            id={id}
            type="range"
            min={props.min}
            max={props.max}
            step={props.step}
            value={props.value}
            disabled={props.disabled}
            aria-valuetext={shown}
            onInput={(event) => props.onInput(Number(event.currentTarget.value))}
          />
          <span class="part-value">{shown}</span>
        </>
      )}
    </Field>
  );
}

/** A whole number between two others; what is typed beyond them is brought back. */
export function NumberField(
  props: Named & {
    value: number;
    min: number;
    max: number;
    onInput: (value: number) => void;
  },
) {
  const read = (text: string): void => {
    const value = Math.trunc(Number(text));
    if (text.trim() === "" || !Number.isFinite(value)) return;
    props.onInput(Math.min(props.max, Math.max(props.min, value)));
  };
  return (
    <Field label={props.label} term={props.term} class="part-number">
      {(id) => (
        <input
          id={id}
          type="number"
          inputMode="numeric"
          min={props.min}
          max={props.max}
          step={1}
          value={props.value}
          onInput={(event) => read(event.currentTarget.value)}
          onBlur={(event) => (event.currentTarget.value = String(props.value))}
        />
      )}
    </Field>
  );
}

/** One thing that can be chosen. */
export interface Choice {
  value: string;
  name: string;
  disabled?: boolean;
}

/** One of several. */
export function Choose(
  props: Named & {
    value: string;
    choices: Choice[];
    onInput: (value: string) => void;
  },
) {
  return (
    <Field label={props.label} term={props.term}>
      {(id) => (
        <select id={id} value={props.value} onInput={(event) => props.onInput(event.currentTarget.value)}>
          {props.choices.map((choice) => (
            <option key={choice.value} value={choice.value} disabled={choice.disabled}>
              {choice.name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** On or off. */
export function Toggle(props: { label: string; value: boolean; onInput: (value: boolean) => void }) {
  return (
    <label class="part-toggle">
      <input
        type="checkbox"
        checked={props.value}
        onInput={(event) => props.onInput(event.currentTarget.checked)}
      />
      <span>{props.label}</span>
    </label>
  );
}
