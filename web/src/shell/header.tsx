/** The bar on top: what is shown, and how. */

import type { App, State } from "../contracts.ts";
import { titleOf } from "../parts/columns.ts";
import type { Frame } from "./frame.ts";

/** Name, size, map, colour, kind of marks, layers. */
export function Header({ app, frame }: { app: App; frame: Frame }) {
  const { manifest, state, t } = app;
  const columns = manifest.columns;
  // A reader's new label may be the first of the space; it is told of by a new set of hidden values.
  void state.hidden.value;
  const map = manifest.maps.find((each) => each.name === state.map.value);
  const trust = map?.scores.trustworthiness;
  return (
    <header class="top">
      <h1 title={manifest.source}>{manifest.name}</h1>
      <p class="muted facts">
        {t(manifest.rows < manifest.total ? "images.of" : "images", {
          count: manifest.rows.toLocaleString(),
          total: manifest.total.toLocaleString(),
        })}{" "}
        · {t("dimensions", { count: manifest.latentDim })}
        {app.server?.readOnly && <> · {t("readonly")}</>}
      </p>
      <div class="controls">
        {manifest.maps.length > 0 && (
          <div class="choice" title={trust === undefined ? "" : t("trust", { percent: `${(trust * 100).toFixed(1)}%` })}>
            <span aria-hidden="true">{t("map")}</span>
            <select id="map-choice" aria-label={t("map")} value={state.map.value} onChange={(event) => (state.map.value = event.currentTarget.value)}>
              {manifest.maps.map((each) => (
                <option key={each.name} value={each.name}>
                  {each.title}
                </option>
              ))}
            </select>
          </div>
        )}
        <div class="choice">
          <span aria-hidden="true">{t("colour")}</span>
          <select id="colour-choice" aria-label={t("colour")} value={state.colour.value} onChange={(event) => (state.colour.value = event.currentTarget.value)}>
            <option value="none">{t("colour.none")}</option>
            {columns.map((each) => (
              <option key={each.name} value={each.name}>
                {titleOf(app, each)}
              </option>
            ))}
          </select>
        </div>
        <Marks app={app} />
        <div class="switches" role="group" aria-label={t("layers")}>
          {manifest.classes.length > 0 && <Switch id="names" label={t("layer.names")} value={state.names} />}
          {frame.features.some((each) => each.id === "borders") && (
            <Switch id="borders" label={t("layer.borders")} value={state.borders} />
          )}
          {frame.features.some((each) => each.id === "ground") && (
            <Switch id="ground" label={t("layer.ground")} value={state.ground} />
          )}
          {frame.features.some((each) => each.id === "contours") && (
            <Switch id="contours" label={t("layer.contours")} about={t("contours.about")} value={state.contours} />
          )}
          {manifest.classes.length > 1 && <Switch id="apart" label={t("map.apart")} about={t("map.apart.about")} value={state.apart} />}
        </div>
      </div>
      <div class="corner">
        <Languages app={app} />
        <button class="icon" aria-label={`${t("theme")}: ${t(`theme.${state.theme.value}`)}`} title={t("theme")} onClick={() => turnTheme(state, frame.dark.value)}>
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <circle cx="12" cy="12" r="8" />
            <path d="M12 4a8 8 0 0 1 0 16z" fill="currentColor" />
          </svg>
        </button>
        <button class="icon" aria-label={t("help")} title={t("help")} onClick={() => (frame.help.value = true)}>
          ?
        </button>
      </div>
    </header>
  );
}

const MARKS = ["dots", "images", "decoded"] as const;

function Marks({ app }: { app: App }) {
  const { state, t } = app;
  const offered = MARKS.filter(
    (kind) => kind === "dots" || (kind === "images" ? app.pictures !== null : app.decoder !== null),
  );
  if (offered.length < 2) return null;
  // As every group of radio buttons: one stop for Tab, arrows within.
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const at = (offered.indexOf(state.show.value) + by + offered.length) % offered.length;
    state.show.value = offered[at];
    (event.currentTarget as HTMLElement).querySelectorAll("button")[at].focus();
  };
  return (
    <div class="segments" role="radiogroup" aria-label={t("show")} onKeyDown={onKeyDown}>
      {offered.map((kind) => (
        <button
          key={kind}
          role="radio"
          aria-checked={state.show.value === kind}
          tabIndex={state.show.value === kind ? 0 : -1}
          title={kind === "decoded" ? t("show.decoded.about") : ""}
          onClick={() => (state.show.value = kind)}
        >
          {t(`show.${kind}`)}
        </button>
      ))}
    </div>
  );
}

function Switch({ id, label, about, value }: { id: string; label: string; about?: string; value: State["names"] }) {
  return (
    <button id={`switch-${id}`} class="switch" role="switch" title={about} aria-checked={value.value} onClick={() => (value.value = !value.value)}>
      {label}
    </button>
  );
}

function Languages({ app }: { app: App }) {
  const { state } = app;
  return (
    <select class="plain" aria-label="Language, 언어" value={state.language.value} onChange={(event) => (state.language.value = event.currentTarget.value)}>
      <option value="en">EN</option>
      <option value="ko">한</option>
    </select>
  );
}

/** To the opposite of what is shown, so that each press is seen; where that is what the system has,
 * the page follows the system again. */
export function turnTheme(state: State, dark: boolean): void {
  const system = matchMedia("(prefers-color-scheme: dark)").matches;
  state.theme.value = system === !dark ? "auto" : dark ? "light" : "dark";
}
