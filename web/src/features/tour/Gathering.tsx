/** Step 3: how well the neighbours of an image know its class. */

import type { App } from "../../contracts.ts";
import { scoreOf } from "./common.ts";

/** The share of images whose neighbours have their class, and one image to look at. */
export function Gathering({ app }: { app: App }) {
  const accuracy = scoreOf(app, "knn_accuracy");
  const surprise = () => app.goTo(Math.floor(Math.random() * app.manifest.rows));
  return (
    <div class="tour-part">
      {accuracy && (
        <p class="tour-figure">
          <b>{accuracy}</b> {app.t("tour.gather.figure")}
        </p>
      )}
      <div class="tour-row">
        <button class="button" onClick={surprise}>
          {app.t("tour.gather.any")}
        </button>
      </div>
    </div>
  );
}
