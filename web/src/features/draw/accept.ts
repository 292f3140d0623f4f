/** An image file from outside on its way into the space. */

import { type App, wordsOf } from "../../contracts.ts";
import { dimensionsOf } from "./header.ts";
import { fitted, land, pads } from "./landed.ts";

const MOST_BYTES = 20e6;
const MOST_PIXELS = 40e6;

/** Encodes a file that should be an image; what is wrong with it is said at the foot of the page. */
export async function take(app: App, file: File): Promise<void> {
  try {
    if (file.size > MOST_BYTES) {
      throw new Error(app.t("draw.large", { size: (file.size / 1e6).toFixed(0), most: MOST_BYTES / 1e6 }));
    }
    const said = dimensionsOf(await file.arrayBuffer().catch(() => new ArrayBuffer(0)));
    if (said && said.width * said.height > MOST_PIXELS) throw new Error(app.t("draw.pixels"));
    let picture: ImageBitmap;
    try {
      picture = await createImageBitmap(file);
    } catch {
      throw new Error(app.t("draw.noimage", { name: file.name || app.t("draw.pasted") }));
    }
    let image: ImageData;
    try {
      if (picture.width * picture.height > MOST_PIXELS) throw new Error(app.t("draw.pixels"));
      app.state.panel.value = "draw";
      image = fitted(app, picture, pads(app));
    } finally {
      picture.close();
    }
    await land(app, image);
  } catch (error) {
    app.say(wordsOf(error), "error");
  }
}
