/** Lists that were made, kept until the page is closed. */

import { signal, type Signal } from "@preact/signals";
import { type App, wordsOf } from "../../contracts.ts";
import type { Finding, Neighbourhood } from "./findings.ts";
import { findingsOf, kindsOf, worthOf, type Kind } from "./kinds.ts";

/** Where a list stands. */
export interface Status {
  findings: Finding[] | null;
  /** 0..1 while it is made, -1 else. */
  done: number;
  /** How many of the first are meant by "select these". */
  chosen: number;
}

/** The lists of one page. */
export class Lists {
  readonly kinds: Kind[];
  readonly kind: Signal<string>;
  private readonly statuses = new Map<string, Signal<Status>>();
  private readonly stops = new Map<string, AbortController>();
  private near: Promise<Neighbourhood | null> | null = null;

  constructor(private readonly app: App) {
    this.kinds = kindsOf(app);
    this.kind = signal(this.kinds[0]?.id ?? "");
  }

  /** Where a list stands, as a signal. */
  status(id: string): Signal<Status> {
    let status = this.statuses.get(id);
    if (!status) {
      status = signal({ findings: null, done: -1, chosen: 0 });
      this.statuses.set(id, status);
    }
    return status;
  }

  /** Makes a list; one that is being made goes on. */
  async make(kind: Kind): Promise<void> {
    const status = this.status(kind.id);
    if (status.value.done >= 0) return;
    const stop = new AbortController();
    this.stops.set(kind.id, stop);
    status.value = { ...status.value, done: 0 };
    const progress = (done: number) => {
      if (!stop.signal.aborted) status.value = { ...status.value, done };
    };
    try {
      const findings = await findingsOf(this.app, kind, progress, stop.signal, (look) => this.searched(look));
      if (findings) status.value = { findings, done: -1, chosen: worthOf(kind, findings) };
    } catch (error) {
      this.app.say(wordsOf(error), "error");
    } finally {
      status.value = { ...status.value, done: -1 };
    }
  }

  /** Stops the making of a list. */
  stop(kind: Kind): void {
    this.stops.get(kind.id)?.abort();
  }

  /** The neighbours of every row: one search serves duplicates and outliers. */
  private searched(look: () => Promise<Neighbourhood | null>): Promise<Neighbourhood | null> {
    const mine = (this.near ??= look());
    const forget = (found: Neighbourhood | null) => {
      if (!found && this.near === mine) this.near = null;
    };
    mine.then(forget, () => forget(null));
    return mine;
  }
}

const opened = new WeakMap<App, Lists>();

/** The lists of this page, made on first use. */
export function listsOf(app: App): Lists {
  let lists = opened.get(app);
  if (!lists) {
    lists = new Lists(app);
    opened.set(app, lists);
  }
  return lists;
}
