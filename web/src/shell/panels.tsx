/** The rail of features and the panel that is open. */

import { useLayoutEffect, useRef } from "preact/hooks";
import type { App, Feature } from "../contracts.ts";
import type { Frame, Message } from "./frame.ts";

const ROUND = "M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16";

/** Buttons of the features, and the panel of the one that is open. */
export function Panels({ app, frame }: { app: App; frame: Frame }) {
  const offered = frame.features.filter((feature) => feature.Panel);
  const open = offered.find((feature) => feature.id === app.state.panel.value);
  return (
    <aside class={open ? "side open" : "side"} inert={frame.help.value}>
      <nav class="rail" aria-label={app.t("panels")}>
        {offered.map((feature) => (
          <RailButton key={feature.id} app={app} feature={feature} open={feature === open} />
        ))}
      </nav>
      {open?.Panel && (
        <section class="panel" aria-labelledby="panel-title" data-panel={open.id}>
          <header>
            <h2 id="panel-title">{app.t(open.title)}</h2>
            <button class="icon" aria-label={app.t("panel.close")} onClick={() => closePanel(app)}>
              ×
            </button>
          </header>
          <div class="body">
            <Open key={open.id} app={app} feature={open} />
          </div>
        </section>
      )}
    </aside>
  );
}

/** Closes the panel that is open; whoever was in it goes back to its button. */
export function closePanel(app: App): void {
  const button = document.getElementById(`open-${app.state.panel.value}`);
  const within = document.activeElement?.closest(".panel");
  app.state.panel.value = "";
  if (within) button?.focus();
}

function Open({ app, feature }: { app: App; feature: Feature }) {
  const Panel = feature.Panel as (props: { app: App }) => preact.JSX.Element;
  return <Panel app={app} />;
}

function RailButton({ app, feature, open }: { app: App; feature: Feature; open: boolean }) {
  return (
    <button
      class="rail-button"
      id={`open-${feature.id}`}
      aria-pressed={open}
      onClick={() => (app.state.panel.value = open ? "" : feature.id)}
    >
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <path d={feature.icon ?? ROUND} />
      </svg>
      <span>{app.t(feature.title)}</span>
    </button>
  );
}

/** What the page says, the last few messages. */
export function Messages({ app, frame }: { app: App; frame: Frame }) {
  const drop = (message: Message) => {
    frame.messages.value = frame.messages.value.filter((each) => each !== message);
  };
  return (
    <div class="messages" role="log" aria-live="polite" aria-label="latlas">
      {app.server && !app.server.reachable.value && <p class="error">{app.t("lost")}</p>}
      {frame.changed.value && (
        <p>
          {app.t("changed")}{" "}
          <button class="link" onClick={() => location.reload()}>
            {app.t("reload")}
          </button>
        </p>
      )}
      {frame.loading.value && <p>{frame.loading.value}</p>}
      {frame.messages.value.map((message) => (
        <p key={message.number} class={message.kind}>
          {message.text}{" "}
          <button class="icon" aria-label={app.t("help.close")} onClick={() => drop(message)}>
            ×
          </button>
        </p>
      ))}
    </div>
  );
}

const NAMES: Record<string, string> = { Escape: "Esc", ArrowLeft: "← → ↑ ↓", Enter: "⏎" };

/** The keys that do the same, such as + and -, on one line. */
function lines(frame: Frame): { keys: string[]; about: string }[] {
  const found = new Map<string, string[]>();
  for (const { key, about } of frame.keys) found.set(about, [...(found.get(about) ?? []), key]);
  return Array.from(found, ([about, keys]) => ({ about, keys }));
}

/** All keys, as a sheet over the page. */
export function Help({ app, frame }: { app: App; frame: Frame }) {
  return frame.help.value ? <Sheet app={app} frame={frame} /> : null;
}

function Sheet({ app, frame }: { app: App; frame: Frame }) {
  const close = () => (frame.help.value = false);
  const button = useRef<HTMLButtonElement>(null);
  // Before the page becomes inert, which takes the focus from where it was.
  useLayoutEffect(() => {
    const before = document.activeElement;
    button.current?.focus();
    return () => void setTimeout(() => before instanceof HTMLElement && before.focus({ preventScroll: true }));
  }, []);
  return (
    <div class="veil" onClick={close}>
      <section class="help" role="dialog" aria-modal="true" aria-labelledby="help-title" onClick={(event) => event.stopPropagation()}>
        <header>
          <h2 id="help-title">{app.t("help.title")}</h2>
          <button class="icon" aria-label={app.t("help.close")} onClick={close} ref={button}>
            ×
          </button>
        </header>
        <dl>
          {lines(frame).map(({ keys, about }) => (
            <div key={about}>
              <dt>
                {keys.map((key) => (
                  <kbd key={key}>{NAMES[key] ?? key.replace("Shift+", "⇧ ")}</kbd>
                ))}
              </dt>
              <dd>{app.t(about)}</dd>
            </div>
          ))}
        </dl>
        <p class="muted">{app.t("help.mouse")}</p>
      </section>
    </div>
  );
}
