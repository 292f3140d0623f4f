/** The panel of the selection. */

import type { ComponentChildren } from "preact";
import type { App } from "../../contracts.ts";
import { ChangePart } from "./ChangePart.tsx";
import { ChoosePart } from "./ChoosePart.tsx";
import { CountsPart } from "./CountsPart.tsx";
import { GridPart } from "./GridPart.tsx";
import { LikePart } from "./LikePart.tsx";
import { NearPart } from "./NearPart.tsx";
import { SavePart } from "./SavePart.tsx";

/** What each part gets: the page and the selected rows, ascending. */
export interface PartProps {
  app: App;
  rows: Uint32Array;
}

/** The panel: how to select always; the rest once something is. */
export function Panel({ app }: { app: App }) {
  const rows = app.state.selection.value;
  const total = app.columns.rows.toLocaleString();
  const { t } = app;
  return (
    <div class="select">
      <p class="select-count" aria-live="polite">
        <b>{rows.length.toLocaleString()}</b> {t("select.of", { total, count: rows.length })}
      </p>
      <ChoosePart app={app} rows={rows} />
      {rows.length === 0 ? (
        <p class="select-note">{t("select.empty")}</p>
      ) : (
        <>
          <CountsPart app={app} rows={rows} />
          <GridPart app={app} rows={rows} />
          <Part title={t("select.save")} open>
            <SavePart app={app} rows={rows} />
          </Part>
          <Part title={t("select.change")} open>
            <ChangePart app={app} rows={rows} />
          </Part>
          <Part title={t("select.near")}>
            <NearPart app={app} rows={rows} />
          </Part>
          {app.decoder && (
            <Part title={t("select.like")}>
              <LikePart app={app} rows={rows} />
            </Part>
          )}
        </>
      )}
      {rows.length === 0 && <ChangePart app={app} rows={rows} />}
    </div>
  );
}

/** A part of the panel that folds. */
function Part(props: { title: string; open?: boolean; children: ComponentChildren }) {
  return (
    <details class="select-part" open={props.open}>
      <summary>{props.title}</summary>
      <div class="select-body">{props.children}</div>
    </details>
  );
}
