/** The panel of the tour: one step at a time. */

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { App } from "../../contracts.ts";
import { fittedClasses } from "../../shell/classes.ts";
import "./style.css";
import { STEPS } from "./steps.ts";

const at = signal(0);

/** Text, something to play with, and the way on. */
export function Tour({ app }: { app: App }) {
  const steps = STEPS.filter((step) => step.available(app));
  const step = steps[Math.min(at.value, steps.length - 1)];
  const text = useRef<HTMLElement>(null);
  useEffect(() => {
    // A step begins with its title, however far down the button was that led to it.
    text.current?.closest(".body")?.scrollTo({ top: 0 });
    step.enter(app);
    return () => app.showExtras("tour", []);
  }, [step]);
  const last = at.value >= steps.length - 1;
  const Part = step.Part as (props: { app: App }) => preact.JSX.Element;
  return (
    <article ref={text} class="tour" aria-live="polite">
      <ol class="tour-dots" aria-label={app.t("tour.progress", { step: at.value + 1, of: steps.length })}>
        {steps.map((each, number) => (
          <li key={each.id}>
            <button
              aria-current={each === step ? "step" : undefined}
              aria-label={app.t(`tour.${each.id}.title`, { D: app.manifest.latentDim })}
              title={app.t(`tour.${each.id}.title`, { D: app.manifest.latentDim })}
              onClick={() => (at.value = number)}
            />
          </li>
        ))}
      </ol>
      <h3>{app.t(`tour.${step.id}.title`, { D: app.manifest.latentDim })}</h3>
      {paragraphs(app, step.id).map((text, number) => (
        <p key={number}>{text}</p>
      ))}
      <Part key={step.id} app={app} />
      <footer>
        <button class="button" disabled={at.value === 0} onClick={() => (at.value -= 1)}>
          {app.t("tour.back")}
        </button>
        <button
          class="button primary"
          onClick={() => {
            if (last) {
              at.value = 0;
              app.state.panel.value = "";
            } else at.value += 1;
          }}
        >
          {app.t(last ? "tour.done" : "tour.next")}
        </button>
      </footer>
    </article>
  );
}

/** The text of a step with the numbers of this space. */
function paragraphs(app: App, id: string): string[] {
  const { manifest } = app;
  const [height, width, channels] = manifest.shape;
  const values = {
    images: manifest.rows.toLocaleString(),
    D: manifest.latentDim,
    height,
    width,
    pixels: (height * width * channels).toLocaleString(),
    classes: fittedClasses(manifest).length,
    map: manifest.maps.find((map) => map.name === app.state.map.value)?.title ?? "",
  };
  return [1, 2, 3]
    .map((number) => `tour.${id}.${number}`)
    .map((key) => ({ key, text: app.t(key, values) }))
    .filter(({ key, text }) => text !== key)
    .map(({ text }) => text);
}
