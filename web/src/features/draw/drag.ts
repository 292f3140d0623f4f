/** Dragging the landed image over the map: the decoder draws each place that it comes to. */

import { type App, wordsOf } from "../../contracts.ts";
import { labelsAt, latentAt, wayNow } from "../../parts/latentAt.ts";
import { landed, settle, show, taken } from "./landed.ts";

const REACH = 18;

/** Lets the landed image be dragged, before the map takes the gesture for itself. */
export function dragging(app: App): void {
  let held = -1;
  app.stage.addEventListener(
    "pointerdown",
    (event) => {
      const now = landed.peek();
      if (!now || event.button !== 0) return;
      const box = app.stage.getBoundingClientRect();
      const [x, y] = app.map.toScreen(now.x, now.y);
      if (Math.abs(event.clientX - box.left - x) > REACH || Math.abs(event.clientY - box.top - y) > REACH) return;
      held = event.pointerId;
      app.stage.setPointerCapture(held);
      app.state.panel.value = "draw";
      event.stopImmediatePropagation();
    },
    { capture: true },
  );
  app.stage.addEventListener(
    "pointermove",
    (event) => {
      if (event.pointerId !== held) return;
      event.stopImmediatePropagation();
      const box = app.stage.getBoundingClientRect();
      const [x, y] = app.map.toMap(event.clientX - box.left, event.clientY - box.top);
      void moveTo(app, x, y);
    },
    { capture: true },
  );
  for (const end of ["pointerup", "pointercancel"] as const) {
    app.stage.addEventListener(
      end,
      (event) => {
        if (event.pointerId !== held) return;
        held = -1;
        event.stopImmediatePropagation();
      },
      { capture: true },
    );
  }
}

/** Moves the landed image to a place of the map; it becomes what the decoder makes of the place. */
export async function moveTo(app: App, x: number, y: number): Promise<void> {
  const now = landed.peek();
  if (!now || !app.decoder) return;
  landed.value = { ...now, x, y };
  show(app);
  const wanted = taken();
  try {
    const [z, labels] = await Promise.all([
      latentAt(app, x, y, wayNow(app), "drag"),
      labelsAt(app, Float32Array.of(x, y)),
    ]);
    // Another panel is another space, with a model of its own.
    const label = app.manifest.scope === "per-class" && labels ? labels[0] : now.label;
    const pixels = z && (await app.decoder.decode(z, [label], "drag"));
    if (!z || !pixels) return;
    const [height, width] = app.manifest.shape;
    const image = new ImageData(new Uint8ClampedArray(pixels), width, height);
    await settle(app, image, z, pixels, label, wanted, { x, y });
  } catch (error) {
    app.say(wordsOf(error), "error");
  }
}
