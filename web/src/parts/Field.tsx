/** Labelled controls: every one has its name beside it and shows its value. */

import type { ComponentChildren } from "preact";

/** A control with its label. */
export function Field(props: { label: string; children: ComponentChildren; title?: string }) {
  return (
    <label class="field" title={props.title}>
      <span>{props.label}</span>
      {props.children}
    </label>
  );
}

/** A slider that shows its value; `shown` writes it for a person. */
export function Slider(props: {
  label: string;
  value: number;
  min: number;
  max: number;
  step: number;
  onInput: (value: number) => void;
  shown?: string;
  title?: string;
  disabled?: boolean;
}) {
  const shown = props.shown ?? String(props.value);
  return (
    <label class="field part-slider" title={props.title}>
      <span>{props.label}</span>
      <input
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
    </label>
  );
}

/** A whole number between two others; what is typed beyond them is brought back. */
export function NumberField(props: {
  label: string;
  value: number;
  min: number;
  max: number;
  onInput: (value: number) => void;
  title?: string;
}) {
  const read = (text: string): void => {
    const value = Math.trunc(Number(text));
    if (text.trim() === "" || !Number.isFinite(value)) return;
    props.onInput(Math.min(props.max, Math.max(props.min, value)));
  };
  return (
    <label class="field part-number" title={props.title}>
      <span>{props.label}</span>
      <input
        type="number"
        inputMode="numeric"
        min={props.min}
        max={props.max}
        step={1}
        value={props.value}
        onInput={(event) => read(event.currentTarget.value)}
        onBlur={(event) => (event.currentTarget.value = String(props.value))}
      />
    </label>
  );
}

/** One thing that can be chosen. */
export interface Choice {
  value: string;
  name: string;
  disabled?: boolean;
}

/** One of several. */
export function Choose(props: {
  label: string;
  value: string;
  choices: Choice[];
  onInput: (value: string) => void;
}) {
  return (
    <Field label={props.label}>
      <select value={props.value} onInput={(event) => props.onInput(event.currentTarget.value)}>
        {props.choices.map((choice) => (
          <option key={choice.value} value={choice.value} disabled={choice.disabled}>
            {choice.name}
          </option>
        ))}
      </select>
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
