/** The ring that is open: where it stands, how far it reaches, what it shows. */

import { effect, signal, type Signal } from "@preact/signals";
import { type App, type Probe, wordsOf } from "../../contracts.ts";
import { landing } from "../../parts/landing.ts";
import { latest } from "../../parts/latest.ts";
import { wayNow } from "../../parts/latentAt.ts";
import { amongOf } from "../../parts/within.ts";
import { probeAt } from "../probe/live.ts";
import { aroundOf, DIRECTIONS, FIRST_STEP } from "./directions.ts";

/** The eight vectors with their pictures and fog. */
export interface Around {
  /** The probe in the middle, and its picture. */
  middle: Probe;
  picture: Uint8ClampedArray;
  /** [2 m D]. */
  z: Float32Array;
  /** RGBA [2 m H W 4]. */
  pixels: Uint8ClampedArray;
  /** [2 m], 0..1. */
  fog: Float32Array;
}

/** One ring of eight directions. */
export class Ring {
  /** The vector in the middle; null: closed. */
  readonly middle: Signal<Probe | null> = signal(null);
  /** Where on the map the ring was opened; it stays there while the vector moves. */
  readonly place: Signal<{ x: number; y: number }> = signal({ x: 0, y: 0 });
  readonly distance = signal(FIRST_STEP);
  readonly around: Signal<Around | null> = signal(null);
  private axes: { of: Probe; axes: Float32Array; spread: Float32Array } | null = null;

  constructor(private readonly app: App) {
    const draw = latest<{ middle: Probe; distance: number }>(
      ({ middle, distance }) => this.look(middle, distance),
      (error) => this.fail(error),
    );
    effect(() => {
      const middle = this.middle.value;
      const distance = this.distance.value;
      if (middle) draw({ middle, distance });
    });
    // The directions that another map flattens are others, and panels may come to stand elsewhere.
    effect(() => {
      void [app.state.map.value, app.state.apart.value, app.map.placed.value];
      this.close();
    });
  }

  private fail(error: unknown): void {
    this.app.say(wordsOf(error), "error");
  }

  /** Opens the ring at the pinned vector, else at the cursor. */
  async open(): Promise<void> {
    const { app } = this;
    if (app.manifest.latentDim <= 2) return app.say(app.t("lift.flat", { D: app.manifest.latentDim }));
    if (app.state.apart.peek() && !this.ownPanels()) return app.say(app.t("lift.apart"));
    try {
      const cursor = app.state.cursor.peek();
      const pinned = app.state.probe.peek();
      const probe = pinned ?? (cursor && (await probeAt(app, cursor.x, cursor.y, wayNow(app))));
      if (!probe) return app.say(app.t("lift.nowhere"));
      this.distance.value = FIRST_STEP;
      this.place.value = { x: probe.x, y: probe.y };
      this.middle.value = probe;
      // The card of the image under the cursor would lie beneath the ring.
      app.state.hover.value = -1;
      // The card goes on showing the middle while the pointer is on its way to a picture.
      if (!pinned) app.state.probe.value = probe;
    } catch (error) {
      this.fail(error);
    }
  }

  /** Whether each class has a map of its own, which is the same wherever its panel stands. */
  private ownPanels(): boolean {
    const { manifest, state } = this.app;
    return manifest.maps.find((map) => map.name === state.map.peek())?.panels ?? false;
  }

  close(): void {
    this.middle.value = null;
    this.around.value = null;
  }

  private async look(middle: Probe, distance: number): Promise<void> {
    const { app } = this;
    const D = app.manifest.latentDim;
    const among = amongOf(app, middle.label);
    if (this.axes?.of !== middle) {
      const m = Math.min(DIRECTIONS, D - 2);
      const found = await app.latents.directions(middle.z, app.state.map.peek(), m, among);
      this.axes = { of: middle, ...found };
    }
    const z = aroundOf(middle.z, this.axes.axes, this.axes.spread, distance);
    const all = new Float32Array(z.length + D);
    all.set(z);
    all.set(middle.z, z.length);
    const told = app.manifest.scope === "global" ? null : new Array(all.length / D).fill(middle.label);
    const [pixels, fog] = await Promise.all([
      app.decoder!.decode(all, told, "lift"),
      app.latents.fog(z, among),
    ]);
    if (!pixels || this.middle.peek() !== middle) return;
    const one = (pixels.length * D) / all.length;
    this.around.value = {
      middle,
      z,
      pixels: pixels.subarray(0, pixels.length - one),
      picture: pixels.subarray(pixels.length - one),
      fog,
    };
  }

  /** Moves the vector to one of the ways; the ring stays where it is. */
  async go(way: number): Promise<void> {
    const around = this.around.peek();
    if (!around) return;
    const { app } = this;
    const D = app.manifest.latentDim;
    const z = around.z.slice(way * D, (way + 1) * D);
    try {
      const { label } = around.middle;
      const [x, y] = await landing(app, z, [label]);
      const probe: Probe = { z, label, x, y };
      app.state.probe.value = probe;
      this.middle.value = probe;
    } catch (error) {
      this.fail(error);
    }
  }
}
