/** Relabel and tag what is selected, take it back, and carry it away. */

import { useSignal } from "@preact/signals";
import type { App } from "../../contracts.ts";
import { address } from "../../load/resources.ts";
import { changesCsv, changesMade, didWhat, type EditRequest } from "./changes.ts";
import { editsOf, type Edits } from "./edits.ts";
import { download, stem } from "./files.ts";
import type { PartProps } from "./Panel.tsx";
import { idsOf } from "./SavePart.tsx";

const SHOWN = 5;

/** The forms where something is selected; conflict and history wherever there are any. */
export function ChangePart({ app, rows }: PartProps) {
  const edits = editsOf(app);
  const make = async (request: Omit<EditRequest, "ids">) => {
    const ids = idsOf(app, rows);
    if (await edits.apply({ ids, ...request })) app.say(said(app, { ids, ...request }));
  };
  return (
    <>
      <ConflictBox app={app} edits={edits} />
      {rows.length > 0 && (
        <>
          <p class="select-note">{app.t(placeOf(app, edits))}</p>
          <LabelForm app={app} edits={edits} onApply={(label) => void make({ label })} />
          <TagForm
            app={app}
            edits={edits}
            onApply={(tag, remove) => void make(remove ? { tag, remove } : { tag })}
          />
        </>
      )}
      <History app={app} edits={edits} />
    </>
  );
}

function placeOf(app: App, edits: Edits): string {
  if (edits.kept === "space") return "select.kept.space";
  return app.server ? "select.kept.readonly" : "select.kept.file";
}

/** A change in words, for the foot of the page. */
function said(app: App, request: EditRequest): string {
  const count = request.ids.length.toLocaleString();
  if (request.tag !== undefined) {
    return app.t(request.remove ? "select.untagged" : "select.tagged", { count, name: request.tag });
  }
  if (request.label) return app.t("select.relabelled", { count, name: request.label });
  return app.t(request.label === null ? "select.relabelled.original" : "select.relabelled.none", { count });
}

interface FormProps {
  app: App;
  edits: Edits;
}

/** A name of a class or a new one; to take a label away or back are buttons of their own. */
function LabelForm({ app, edits, onApply }: FormProps & { onApply(label: string | null): void }) {
  const label = useSignal("");
  const text = label.value.normalize("NFC").trim();
  // The names follow the changes.
  void edits.state.value;
  const busy = edits.busy.value;
  return (
    <form
      class="select-row select-fields"
      onSubmit={(event) => {
        event.preventDefault();
        if (text) onApply(text);
      }}
    >
      <label class="field">
        <span>{app.t("select.newlabel")}</span>
        <input
          type="text"
          list="select-labels"
          maxLength={100}
          value={label.value}
          onInput={(event) => (label.value = event.currentTarget.value)}
        />
        <datalist id="select-labels">
          {app.manifest.classes.map((each) => (
            <option key={each.name} value={each.name} />
          ))}
        </datalist>
      </label>
      <button type="submit" class="button primary" disabled={!text || busy}>
        {app.t("select.relabel")}
      </button>
      <div class="select-row">
        <button type="button" class="button" disabled={busy} onClick={() => onApply("")}>
          {app.t("select.nolabel")}
        </button>
        <button type="button" class="button" disabled={busy} onClick={() => onApply(null)}>
          {app.t("select.original")}
        </button>
      </div>
    </form>
  );
}

function TagForm({ app, edits, onApply }: FormProps & { onApply(tag: string, remove: boolean): void }) {
  const tag = useSignal("");
  const known = Object.keys(edits.state.value.tags).sort();
  const text = tag.value.normalize("NFC").trim();
  return (
    <form
      class="select-row select-fields"
      onSubmit={(event) => {
        event.preventDefault();
        if (text) onApply(text, false);
      }}
    >
      <label class="field">
        <span>{app.t("select.tag")}</span>
        <input
          type="text"
          list="select-tags"
          maxLength={100}
          pattern="[^;]*"
          title={app.t("select.tag.rule")}
          value={tag.value}
          onInput={(event) => (tag.value = event.currentTarget.value)}
        />
        <datalist id="select-tags">
          {known.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      </label>
      <button type="submit" class="button primary" disabled={!text || edits.busy.value}>
        {app.t("select.tag.add")}
      </button>
      <button
        type="button"
        class="button"
        disabled={!known.includes(text) || edits.busy.value}
        onClick={() => onApply(text, true)}
      >
        {app.t("select.tag.remove")}
      </button>
    </form>
  );
}

/** Says that somebody else was faster, and offers to make the change on top of theirs. */
function ConflictBox({ app, edits }: FormProps) {
  const conflict = edits.conflict.value;
  if (!conflict) return null;
  const again = async () => {
    edits.conflict.value = null;
    if (!conflict.request) await edits.undo();
    else if (await edits.apply(conflict.request)) app.say(said(app, conflict.request));
  };
  return (
    <div class="select-conflict" role="alert">
      <p>{app.t(conflict.request ? "select.conflict" : "select.conflict.undo")}</p>
      <div class="select-row">
        <button type="button" class="button primary" onClick={() => void again()}>
          {app.t(conflict.request ? "select.conflict.again" : "select.undo")}
        </button>
        <button type="button" class="button" onClick={() => (edits.conflict.value = null)}>
          {app.t("select.conflict.leave")}
        </button>
      </div>
    </div>
  );
}

/** The latest changes, with undo and the way to save them all. */
function History({ app, edits }: FormProps) {
  const state = edits.state.value;
  const made = changesMade(state);
  const changed = Object.keys(state.labels).length + Object.keys(state.tags).length > 0;
  if (!made.length && !changed) return null;
  return (
    <div class="select-history">
      <h3>{app.t("select.history")}</h3>
      <ol>
        {made.slice(0, SHOWN).map((change) => (
          <li key={change.revision} class={change.undone ? "undone" : ""}>
            <span>{inWords(app, change.what)}</span>
            <span class="select-muted">
              {change.undone
                ? app.t("select.undone")
                : app.t("select.images", { count: change.count.toLocaleString() })}
            </span>
          </li>
        ))}
      </ol>
      <div class="select-row">
        <button
          type="button"
          class="button"
          disabled={!edits.undoable || edits.busy.value}
          onClick={() => void edits.undo()}
        >
          {app.t("select.undo")}
        </button>
        <button type="button" class="button" disabled={!changed} onClick={() => saveChanges(app, edits)}>
          {app.t("select.save.changes")}
        </button>
      </div>
    </div>
  );
}

/** The changes as CSV: from the server with the places of the images, else from the page. */
function saveChanges(app: App, edits: Edits): void {
  const name = `${stem(app.manifest.name)}-changes.csv`;
  if (edits.kept === "space") {
    const link = document.createElement("a");
    link.href = address("api/v1/edits.csv");
    link.download = name;
    link.click();
  } else {
    download(name, changesCsv(edits.state.value, (id) => edits.givenName(id)), "text/csv");
    edits.saved();
  }
}

/** `label 7` and the like in the reader's language; anything else as it is. */
function inWords(app: App, what: string): string {
  const did = didWhat(what);
  return did ? app.t(did.word, { name: did.name }) : what;
}
