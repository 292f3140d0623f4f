/** The panel: what to draw, what came, and what may be done with it. */

import type { App } from "../../contracts.ts";
import { Choose, NumberField, Slider, Toggle, type Choice } from "../../parts/Field.tsx";
import { nameOf } from "../../parts/odds.ts";
import { Term } from "../../parts/Term.tsx";
import { LIMITS, sameAsk, type Ask } from "./ask.ts";
import { Chosen } from "./Chosen.tsx";
import { mixtureOf } from "./draw.ts";
import { factsOf, length } from "./facts.ts";
import { Grid } from "./Grid.tsx";
import { saveNpz, savePng } from "./save.ts";
import { cancel, clear, draw, storeOf } from "./store.ts";

/** The panel "Generate". */
export function Panel({ app }: { app: App }) {
  const store = storeOf(app);
  const { t } = app;
  // Colours follow it.
  void app.state.theme.value;
  return (
    <div class="generate">
      <p class="generate-muted">{t("generate.about")}</p>
      <Form app={app} />
      <Doing app={app} />
      {store.error.value && (
        <p class="generate-error" role="alert">
          {store.error.value}
        </p>
      )}
      {store.samples.value.length > 0 && <Result app={app} />}
    </div>
  );
}

function Form({ app }: { app: App }) {
  const store = storeOf(app);
  const ask = store.ask.value;
  const { t } = app;
  const set = (change: Partial<Ask>): void => {
    store.ask.value = fitting(app, { ...store.ask.peek(), ...change });
  };
  const fresh = sameAsk(store.answered.value, ask) && store.samples.value.length > 0;
  const go = (): void => {
    if (fresh) set({ seed: (ask.seed + 1) % (LIMITS.seeds + 1) });
    void draw(app);
  };
  return (
    <form
      class="generate-form"
      onSubmit={(event) => {
        event.preventDefault();
        go();
      }}
    >
      <div class="generate-two">
        <Choose
          label={t("term.prior")}
          term={<Term app={app} word={t("term.prior")} about={aboutPrior(app, ask.prior)} />}
          value={ask.prior}
          choices={priorChoices(app)}
          onInput={(prior) => set({ prior })}
        />
        {app.manifest.classes.length > 0 && (
          <Choose
            label={t("generate.class")}
            value={String(ask.label)}
            choices={classChoices(app, ask.prior)}
            onInput={(label) => set({ label: Number(label) })}
          />
        )}
      </div>
      <Slider
        label={t("term.temperature")}
        term={<Term app={app} word={t("term.temperature")} about={t("term.temperature.about")} />}
        value={ask.temperature}
        min={LIMITS.cold}
        max={LIMITS.hot}
        step={0.05}
        shown={ask.temperature.toFixed(2)}
        onInput={(temperature) => set({ temperature })}
      />
      <div class="generate-two">
        <NumberField
          label={t("generate.number")}
          value={ask.n}
          min={1}
          max={LIMITS.most}
          onInput={(n) => set({ n })}
        />
        <NumberField
          label={t("term.seed")}
          term={<Term app={app} word={t("term.seed")} about={t("term.seed.about")} />}
          value={ask.seed}
          min={0}
          max={LIMITS.seeds}
          onInput={(seed) => set({ seed })}
        />
      </div>
      <div class="generate-buttons">
        <button type="submit" class="button primary">
          {t(fresh ? "generate.again" : "generate.draw")}
        </button>
        {store.samples.value.length > 0 && (
          <button type="button" class="button" onClick={() => clear(app)}>
            {t("generate.clear")}
          </button>
        )}
      </div>
    </form>
  );
}

/** What a prior is, and what sort of one is chosen. */
function aboutPrior(app: App, prior: string): string {
  const key = `term.prior.${prior}`;
  const own = app.t(key);
  return app.t("term.prior.about") + (own === key ? "" : `\n\n${own}`);
}

/** The asking with a class that its prior has. */
function fitting(app: App, ask: Ask): Ask {
  const has = classChoices(app, ask.prior).some((choice) => choice.value === String(ask.label));
  return has ? ask : { ...ask, label: -1 };
}

function priorChoices(app: App): Choice[] {
  const { manifest, server, t } = app;
  const here = manifest.mixtures.map(({ name }) => ({ value: name, name }));
  const there = manifest.priors
    .filter(({ name }) => !mixtureOf(manifest, name))
    .map(({ name, fitted }) => {
      const word = !server ? "closed" : fitted ? "server" : "fit";
      const disabled = !server || (!fitted && server.readOnly);
      return { value: name, name: t(`generate.prior.${word}`, { prior: name }), disabled };
    });
  return [...here, ...there];
}

function classChoices(app: App, prior: string): Choice[] {
  const { manifest, t } = app;
  const mixture = mixtureOf(manifest, prior);
  const all = { value: "-1", name: t("generate.class.all") };
  const labels = mixture ? mixture.densities.map((each) => each.label) : [...manifest.classes.keys()];
  const known = labels.filter((label) => label >= 0 && !manifest.classes[label]?.byReader);
  return [all, ...known.map((label) => ({ value: String(label), name: nameOf(manifest, label) }))];
}

function Doing({ app }: { app: App }) {
  const busy = storeOf(app).busy.value;
  if (!busy) return null;
  const words = busy.text || app.t("generate.working");
  return (
    <div class="generate-doing" role="status">
      <span>{words}</span>
      <progress max={1} value={busy.done > 0 ? busy.done : undefined} aria-label={words} />
      <button type="button" class="button" onClick={() => cancel(app)}>
        {app.t("generate.cancel")}
      </button>
    </div>
  );
}

function Result({ app }: { app: App }) {
  const store = storeOf(app);
  const { t } = app;
  return (
    <>
      <Facts app={app} />
      <Chosen app={app} />
      <Toggle
        label={t("generate.pairs")}
        value={store.pairs.value}
        onInput={(pairs) => (store.pairs.value = pairs)}
      />
      <Toggle label={t("generate.stay")} value={store.stay.value} onInput={(stay) => (store.stay.value = stay)} />
      {store.pairs.value && <p class="generate-muted">{t("generate.pairs.legend")}</p>}
      <Grid app={app} />
      <div class="generate-buttons">
        <button type="button" class="button" onClick={() => void savePng(app)}>
          {t("generate.save.png")}
        </button>
        <button type="button" class="button" onClick={() => saveNpz(app)}>
          {t("generate.save.npz")}
        </button>
      </div>
    </>
  );
}

function Facts({ app }: { app: App }) {
  const store = storeOf(app);
  const { manifest, t } = app;
  const samples = store.samples.value;
  const label = store.answered.value?.label ?? -1;
  const facts = factsOf(samples, manifest.fog, label);
  const own = length(facts.own);
  const lines: string[] = [];
  if (label >= 0 && samples[0].odds) {
    const name = nameOf(manifest, label);
    lines.push(t("generate.answered", { count: facts.answered, n: samples.length, name }));
  }
  if (Number.isNaN(facts.real)) lines.push(t("generate.distance.alone", { own }));
  else {
    lines.push(t("generate.distance", { own, real: length(facts.real) }));
    lines.push(facts.copies ? t("generate.copies", { count: facts.copies }) : t("generate.copies.none"));
  }
  return <p class="generate-facts">{lines.join(" ")}</p>;
}
