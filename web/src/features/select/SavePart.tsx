/** The selection as a file: ids, a table, vectors. */

import { useSignal } from "@preact/signals";
import { type App, wordsOf } from "../../contracts.ts";
import { tagsById } from "./changes.ts";
import { editsOf } from "./edits.ts";
import { csv, download, idLines, short, stem, type Cell } from "./files.ts";
import { npzOfVectors } from "./npz.ts";
import type { PartProps } from "./Panel.tsx";

/** Three buttons, one for each kind of file. */
export function SavePart({ app, rows }: PartProps) {
  const busy = useSignal(false);
  const name = `${stem(app.manifest.name)}-selection`;
  const save = (run: () => Promise<void>) => async () => {
    busy.value = true;
    try {
      await run();
    } catch (error) {
      app.say(wordsOf(error), "error");
    } finally {
      busy.value = false;
    }
  };
  const button = (word: string, run: () => Promise<void>) => (
    <button
      type="button"
      class="button"
      title={app.t(`${word}.about`)}
      disabled={busy.value}
      onClick={save(run)}
    >
      {app.t(word)}
    </button>
  );
  return (
    <div class="select-row">
      {button("select.save.ids", async () => {
        download(`${name}.txt`, idLines(idsOf(app, rows)), "text/plain");
      })}
      {button("select.save.csv", async () => {
        download(`${name}.csv`, await selectionCsv(app, rows), "text/csv");
      })}
      {button("select.save.npz", async () => {
        download(`${name}.npz`, await selectionNpz(app, rows), "application/octet-stream");
      })}
    </div>
  );
}

/** The ids of rows. */
export function idsOf(app: App, rows: Uint32Array): number[] {
  return Array.from(rows, (row) => app.columns.id(row));
}

/** id, label with the changes, label as given, split, tags and every number column. */
async function selectionCsv(app: App, rows: Uint32Array): Promise<string> {
  const { manifest, columns } = app;
  const edits = editsOf(app);
  const infos = manifest.columns.filter((column) => column.kind === "number");
  const numbers = await Promise.all(infos.map((info) => columns.column(info.name)));
  const tags = tagsById(edits.state.value);
  const lines = Array.from(rows, (row): Cell[] => {
    const id = columns.id(row);
    return [
      id,
      nameOf(app, columns.labels[row]),
      edits.givenName(id),
      manifest.splits[columns.splits[row]] ?? "",
      (tags.get(id) ?? []).join(";"),
      ...numbers.map((values) => short(values[row])),
    ];
  });
  const heading = ["id", "label", "label_given", "split", "tags", ...infos.map((info) => info.name)];
  return csv(heading, lines);
}

async function selectionNpz(app: App, rows: Uint32Array): Promise<Uint8Array<ArrayBuffer>> {
  const { manifest, columns } = app;
  const z = await app.latentsOf(rows);
  return npzOfVectors(
    z,
    manifest.latentDim,
    idsOf(app, rows),
    Array.from(rows, (row) => nameOf(app, columns.labels[row])),
    Array.from(rows, (row) => manifest.splits[columns.splits[row]] ?? ""),
  );
}

function nameOf(app: App, label: number): string {
  return app.manifest.classes[label]?.name ?? "";
}
