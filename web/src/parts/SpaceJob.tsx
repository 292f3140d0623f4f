/** Long work on the server that adds something to the space: a button that starts and stops it. */

import { signal, type Signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { type App, wordsOf } from "../contracts.ts";
import { announceChange } from "../load/resources.ts";
import { loadAgain } from "./again.ts";
import { percent } from "./odds.ts";
import "./job.css";

/** One kind of work, which goes on while its button is not on the page. */
export class SpaceJob {
  /** 0..1, or null: it does not run. */
  readonly share: Signal<number | null> = signal(null);
  private stopper: AbortController | null = null;

  /** Does the work, and loads the page again to show what came of it.
   * @param before runs before the page goes. */
  async run(app: App, path: string, body: unknown, before: () => void = () => undefined): Promise<void> {
    const stopper = (this.stopper = new AbortController());
    const { signal } = stopper;
    this.share.value = 0;
    const onProgress = (done: number) => {
      if (!signal.aborted) this.share.value = done;
    };
    try {
      await app.server!.job(path, body, onProgress, signal);
      // It was done before it heard that it should stop.
      if (signal.aborted) announceChange();
      else loadAgain(app, before);
    } catch (error) {
      if (!signal.aborted) app.say(wordsOf(error), "error");
    } finally {
      if (this.stopper === stopper) this.share.value = null;
    }
  }

  /** Stops it; at once for the page, at the next look for the server. */
  stop(): void {
    this.stopper?.abort();
    this.share.value = null;
  }
}

/** What starts the work, and how far it is, with a button that stops it. */
export function JobButton(props: { app: App; job: SpaceJob; start: string; doing: string; class?: string; run: () => void }) {
  const { app, job } = props;
  const share = job.share.value;
  const running = share !== null;
  const button = useRef<HTMLButtonElement>(null);
  const before = useRef(running);
  useLayoutEffect(() => {
    // The button that was pressed is gone, and the focus would be with it.
    if (before.current !== running && document.activeElement === document.body) button.current?.focus();
    before.current = running;
  }, [running]);
  if (!running) {
    return (
      <button key="start" ref={button} class={`button ${props.class ?? ""}`} type="button" onClick={props.run}>
        {props.start}
      </button>
    );
  }
  const words = app.t(props.doing, { percent: percent(share) });
  return (
    <span class="job">
      <span>{words}</span>
      <progress max={1} value={share > 0 ? share : undefined} aria-label={words} />
      <button key="stop" ref={button} class="button" type="button" onClick={() => job.stop()}>
        {app.t("job.stop")}
      </button>
    </span>
  );
}
