/** Keeps relabels and tags: in the space through the server, or in the page for the session. */

import { signal, type Signal } from "@preact/signals";
import { PageError, type App, wordsOf } from "../../contracts.ts";
import { setReaderClasses } from "../../shell/classes.ts";
import { changesMade, newNames, SessionChanges, UNCHANGED, type EditRequest, type EditState } from "./changes.ts";

const CONFLICT = 409;

/** What somebody else's change kept from being written. */
export interface Conflict {
  /** Null: an undo. */
  request: EditRequest | null;
}

/** The reader's relabels and tags. */
export class Edits {
  readonly state: Signal<EditState> = signal(UNCHANGED);
  readonly conflict: Signal<Conflict | null> = signal(null);
  readonly busy: Signal<boolean> = signal(false);
  /** Where changes go: into the space, or into this page until it is closed. */
  readonly kept: "space" | "session";
  /** int16 [N]: the labels of the space without the reader's changes. */
  readonly given: Int16Array;
  private readonly session = new SessionChanges(UNCHANGED);
  private readonly channel: BroadcastChannel | null = null;
  private unsaved = false;
  private coloured = false;
  /** The classes of the space, before the names that readers gave. */
  private readonly own: readonly string[];

  constructor(private readonly app: App) {
    this.kept = app.server && !app.server.readOnly ? "space" : "session";
    this.given = app.columns.labels.slice();
    this.own = app.manifest.classes.map((each) => each.name);
    if (this.kept === "space" && "BroadcastChannel" in globalThis) {
      this.channel = new BroadcastChannel(`latlas-edits-${app.manifest.fingerprint}`);
      this.channel.onmessage = () => void this.load();
    }
    addEventListener("beforeunload", (event) => {
      if (this.unsaved) event.preventDefault();
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.kept === "space") void this.load();
    });
  }

  /** The name of the label that the space gave an id; empty where it is unknown. */
  givenName(id: number): string {
    return this.app.manifest.classes[this.given[this.app.columns.row(id)]]?.name ?? "";
  }

  /** Reads what the space holds; a page on its own starts from nothing. */
  async load(): Promise<void> {
    try {
      if (!this.app.server) {
        if (this.app.manifest.edits) this.start(await this.carried());
        return;
      }
      const state = await this.app.server.get<EditState>("/edits");
      if (this.kept === "space") return this.showLatest(state);
      this.start(state);
    } catch (error) {
      this.tell(error);
    }
  }

  /** What an exported file carries. */
  private async carried(): Promise<EditState> {
    return JSON.parse(new TextDecoder().decode(await this.app.resources.bytes("edits"))) as EditState;
  }

  /** The session begins with what is kept elsewhere, and cannot undo that. */
  private start(state: EditState): void {
    this.session.startFrom({ ...state, history: [] });
    this.show(this.session.state);
  }

  /** Makes a change. Of two tabs that change at once the later one is told, and writes nothing. */
  async apply(request: EditRequest): Promise<boolean> {
    if (this.kept === "session") {
      this.session.add(request);
      this.unsaved = true;
      this.show(this.session.state);
      return true;
    }
    const { label, ...rest } = request;
    const what = label === null ? { ...rest, remove: true } : request;
    return this.write("/edits", { revision: this.state.value.revision, ...what }, request);
  }

  /** Takes back the latest change. */
  async undo(): Promise<boolean> {
    if (this.kept === "session") {
      const done = this.session.undo();
      this.show(this.session.state);
      return done;
    }
    return this.write("/edits/undo", { revision: this.state.value.revision }, null);
  }

  /** The changes of the session are in a file now. */
  saved(): void {
    this.unsaved = false;
  }

  /** Whether there is a change to take back. */
  get undoable(): boolean {
    return changesMade(this.state.value).some((change) => !change.undone);
  }

  private async write(path: string, body: unknown, request: EditRequest | null): Promise<boolean> {
    this.busy.value = true;
    try {
      this.showLatest(await this.app.server!.send<EditState>("POST", path, body));
      this.conflict.value = null;
      this.channel?.postMessage("changed");
      return true;
    } catch (error) {
      if (error instanceof PageError && error.status === CONFLICT) {
        await this.load();
        this.conflict.value = { request };
      } else {
        this.tell(error);
      }
      return false;
    } finally {
      this.busy.value = false;
    }
  }

  /** Answers of the server come in any order: one from before what is shown says nothing new. */
  private showLatest(state: EditState): void {
    if (state.revision >= this.state.peek().revision) this.show(state);
  }

  private show(state: EditState): void {
    const { labels, row } = this.app.columns;
    const { classes } = this.app.manifest;
    const added = newNames(state, this.own, classes.slice(this.own.length).map((each) => each.name));
    const counts = new Map<string, number>();
    const numbers = new Map([...this.own, ...added].map((name, label) => [name, label]));
    labels.set(this.given);
    for (const [id, name] of Object.entries(state.labels)) {
      const at = row(Number(id));
      if (at < 0) continue;
      labels[at] = numbers.get(name) ?? -1;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    setReaderClasses(this.app.manifest, this.own.length, added, added.map((name) => counts.get(name) ?? 0));
    this.colourFirst(added.length > 0);
    this.state.value = state;
    // Labels are a plain array: a new set of hidden classes makes the map paint again.
    this.app.state.hidden.value = new Set(this.app.state.hidden.value);
  }

  /** Points that were all alike are coloured by the first labels that a reader gives. */
  private colourFirst(labelled: boolean): void {
    if (this.own.length || labelled === this.coloured) return;
    const { colour } = this.app.state;
    if (labelled && colour.value === "none") colour.value = "label";
    this.coloured = labelled;
  }

  private tell(error: unknown): void {
    this.app.say(wordsOf(error), "error");
  }
}

const opened = new WeakMap<App, Edits>();

/** The relabels and tags of this page; made and read on first use. */
export function editsOf(app: App): Edits {
  let edits = opened.get(app);
  if (!edits) {
    edits = new Edits(app);
    opened.set(app, edits);
    void edits.load();
  }
  return edits;
}
