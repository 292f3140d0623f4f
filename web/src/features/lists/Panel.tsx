/** The panel of the lists: which one, how to make it, and what it found. */

import { useSignalEffect } from "@preact/signals";
import type { App } from "../../contracts.ts";
import { Thumb } from "../../parts/Thumb.tsx";
import { VirtualGrid } from "../../parts/VirtualGrid.tsx";
import { editsOf } from "../select/edits.ts";
import { csv, download, stem } from "../select/files.ts";
import { asSet } from "../select/sets.ts";
import { choose } from "../select/tools.ts";
import type { Finding } from "./findings.ts";
import { canFind, type Kind } from "./kinds.ts";
import { listsOf, type Lists } from "./store.ts";

const SIDE = 44;
const LINE = 56;
const HEIGHT = 7.5 * LINE;

/** Buttons for the lists, and the one that is chosen. */
export function Panel({ app }: { app: App }) {
  const lists = listsOf(app);
  const kind = lists.kinds.find((each) => each.id === lists.kind.value);
  useSignalEffect(() => {
    const chosen = lists.kinds.find((each) => each.id === lists.kind.value);
    // A column is there at once; a search is long and waits to be asked for.
    if (chosen?.from === "column" && !lists.status(chosen.id).peek().findings) void lists.make(chosen);
  });
  return (
    <div class="lists">
      <div class="lists-kinds" role="group" aria-label={app.t("lists.title")}>
        {lists.kinds.map((each) => (
          <button
            key={each.id}
            type="button"
            class="button"
            aria-pressed={each.id === kind?.id}
            onClick={() => (lists.kind.value = each.id)}
          >
            {app.t(`lists.${each.id}`)}
          </button>
        ))}
      </div>
      {kind && <List key={kind.id} app={app} lists={lists} kind={kind} />}
    </div>
  );
}

interface ListProps {
  app: App;
  lists: Lists;
  kind: Kind;
}

function List({ app, lists, kind }: ListProps) {
  const { findings } = lists.status(kind.id).value;
  return (
    <>
      <p class="lists-note">{app.t(`lists.${kind.id}.about`)}</p>
      <Making app={app} lists={lists} kind={kind} />
      {findings?.length === 0 && <p class="lists-none">{app.t(`lists.${kind.id}.none`)}</p>}
      {findings && findings.length > 0 && (
        <>
          <Rows app={app} kind={kind} findings={findings} />
          <Choice app={app} lists={lists} kind={kind} findings={findings} />
        </>
      )}
    </>
  );
}

/** The button of a search, its progress, or why it cannot be made here. */
function Making({ app, lists, kind }: ListProps) {
  const { findings, done } = lists.status(kind.id).value;
  if (done >= 0) {
    const percent = Math.round(done * 100);
    return (
      <div class="lists-making">
        <progress max={1} value={done} aria-label={app.t("lists.looking", { percent })} />
        <span>{app.t("lists.looking", { percent })}</span>
        {kind.from === "find" && (
          <button type="button" class="button" onClick={() => lists.stop(kind)}>
            {app.t("lists.stop")}
          </button>
        )}
      </div>
    );
  }
  if (kind.from === "column" || findings) return null;
  if (!canFind(app, kind)) {
    return <p class="lists-none">{app.t("lists.serve", { name: app.manifest.name })}</p>;
  }
  return (
    <button type="button" class="button primary" onClick={() => void lists.make(kind)}>
      {app.t("lists.look")}
    </button>
  );
}

/** A finding in words. */
function sentence(app: App, kind: Kind, finding: Finding): string {
  const labels = app.columns.labels;
  const name = (row: number) => app.manifest.classes[labels[row]]?.name ?? app.t("lists.unlabelled");
  const why = finding.facts.why ? app.t(`lists.why.${finding.facts.why}`) : "";
  const label = name(finding.row);
  const other = finding.partner >= 0 ? name(finding.partner) : "";
  return app.t(`lists.${kind.id}.row`, { label, other, ...finding.facts, why });
}

function idOf(app: App, finding: Finding): string {
  const ids = [finding.row, finding.partner].filter((row) => row >= 0).map((row) => app.columns.id(row));
  return app.t(ids.length > 1 ? "lists.ids" : "lists.id", { id: ids[0], other: ids[1] ?? "" });
}

function Rows({ app, kind, findings }: { app: App; kind: Kind; findings: Finding[] }) {
  // The words name the labels, which the reader may have changed.
  void editsOf(app).state.value;
  const fly = (index: number) => app.goTo(findings[index].row);
  return (
    <VirtualGrid
      count={findings.length}
      label={app.t(`lists.${kind.id}`)}
      cellHeight={LINE}
      maxHeight={HEIGHT}
      onOpen={fly}
      onMove={fly}
      onHover={(index) => (app.state.hover.value = index < 0 ? -1 : findings[index].row)}
      render={(index) => <Row app={app} kind={kind} finding={findings[index]} />}
    />
  );
}

function Row({ app, kind, finding }: { app: App; kind: Kind; finding: Finding }) {
  const { partner, row } = finding;
  const chosen = app.state.pinned.value === row;
  return (
    <span class={chosen ? "lists-row open" : "lists-row"}>
      <Thumb app={app} row={row} size={SIDE} />
      {partner >= 0 && (
        <span
          onClick={(event) => {
            event.stopPropagation();
            app.goTo(partner);
          }}
        >
          <Thumb app={app} row={partner} size={SIDE} />
        </span>
      )}
      <span class="lists-words">
        <span>{sentence(app, kind, finding)}</span>
        <small>{idOf(app, finding)}</small>
      </span>
    </span>
  );
}

/** The rows of the first findings, both of a pair. */
export function rowsOf(findings: Finding[]): Uint32Array {
  return asSet(findings.flatMap(({ row, partner }) => (partner >= 0 ? [row, partner] : [row])));
}

/** How many of the first are meant, and what to do with them. */
function Choice({ app, lists, kind, findings }: ListProps & { findings: Finding[] }) {
  const status = lists.status(kind.id);
  const count = status.value.chosen;
  const save = () => {
    const lines = findings.slice(0, count).map((finding) => [
      app.columns.id(finding.row),
      finding.partner >= 0 ? app.columns.id(finding.partner) : null,
      Number(finding.score.toPrecision(6)),
      sentence(app, kind, finding),
    ]);
    const text = csv(["id", "partner", "score", "words"], lines);
    download(`${stem(app.manifest.name)}-${kind.id}.csv`, text, "text/csv");
  };
  return (
    <div class="lists-choice">
      <label class="field">
        <span>{app.t("lists.first", { count: findings.length.toLocaleString() })}</span>
        <input
          type="number"
          min={1}
          max={findings.length}
          value={count}
          onInput={(event) => {
            const asked = Math.round(Number(event.currentTarget.value));
            if (asked >= 1) status.value = { ...status.value, chosen: Math.min(findings.length, asked) };
          }}
          onBlur={(event) => (event.currentTarget.value = String(status.value.chosen))}
        />
      </label>
      <button
        type="button"
        class="button primary"
        onClick={() => choose(app, rowsOf(findings.slice(0, count)))}
      >
        {app.t("lists.select")}
      </button>
      <button type="button" class="button" onClick={save}>
        {app.t("lists.save")}
      </button>
    </div>
  );
}
