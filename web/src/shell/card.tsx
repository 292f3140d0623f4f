/** The card of an image: picture, reconstruction, label, odds, true neighbours. */

import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { type App, type Near, wordsOf } from "../contracts.ts";
import { TopOdds } from "../parts/TopOdds.tsx";
import { amongOf } from "../parts/within.ts";
import { onPaper } from "./colours.ts";
import type { Frame } from "./frame.ts";
import { bestSide, covers, placed, type Box, type Side } from "./placing.ts";

const NEAR = 8;
const LEAST_ODDS = 0.005;
const PATIENCE = 200;

interface Facts {
  row: number;
  odds: Float32Array | null;
  near: Near | null;
  error: number;
}

/** The card of the pinned row, or of the one that the cursor rests on. */
export function Card({ app, frame }: { app: App; frame: Frame }) {
  const row = frame.carded.value;
  if (row < 0) return null;
  return <RowCard key={row} app={app} frame={frame} row={row} />;
}

function RowCard({ app, frame, row }: { app: App; frame: Frame; row: number }) {
  const facts = useSignal<Facts>({ row, odds: null, near: null, error: NaN });
  const box = useRef<HTMLElement>(null);
  const stand = useRef<Standing>({ side: null, far: 0 });
  const patient = useSignal(true);
  const pinned = app.state.pinned.value === row;
  // New labels are told of by a new set of hidden values.
  void app.state.hidden.value;
  useEffect(() => {
    let current = true;
    void learn(app, row, (part) => {
      if (current) facts.value = { ...facts.value, ...part };
    });
    // The card waits a moment for the neighbours, so as to stand where it hides few of them.
    const timer = setTimeout(() => (patient.value = false), PATIENCE);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [row]);
  useSignalEffect(() => {
    const { near } = facts.value;
    frame.lines.value = near ? { row, near: near.rows } : { row: -1, near: new Uint32Array(0) };
    app.map.redraw();
  });
  const shown = facts.value.near !== null || !patient.value;
  const stay = () => {
    if (box.current && shown) stand.current = placeBeside(app, box.current, row, facts.peek().near, stand.current);
  };
  useSignalEffect(() => {
    void app.map.view.value;
    void app.map.size.value;
    stay();
  });
  useEffect(() => {
    stay();
    if (!frame.enter || !shown) return;
    frame.enter = false;
    box.current?.focus({ preventScroll: true });
  });
  const name = labelName(app, row);
  const { odds, near, error } = facts.value;
  return (
    <section
      ref={box}
      class={`card${pinned ? " pinned" : ""}`}
      role={pinned ? "dialog" : "status"}
      aria-label={app.t("card.open", { id: app.columns.id(row), label: name })}
      data-row={row}
      tabIndex={pinned ? -1 : undefined}
      style={shown ? undefined : { visibility: "hidden" }}
    >
      <header>
        <strong style={{ "--dot": colourOf(app, app.columns.labels[row], frame.dark.value) }} class="dotted">
          {name}
        </strong>
        <span class="muted">{app.t("card.id", { id: app.columns.id(row) })}</span>
        {pinned && (
          <button class="icon" aria-label={app.t("card.close")} onClick={() => frame.closeCard()}>
            ×
          </button>
        )}
      </header>
      {frame.strays.value.has(row) && <p class="muted small card-stray">{app.t("card.stray")}</p>}
      <div class="pair">
        {app.pictures && <Picture app={app} row={row} kind="image" />}
        {app.decoder && <Picture app={app} row={row} kind="decoded" error={error} />}
      </div>
      {odds && (
        <div class="odds">
          <span class="muted">{app.t("card.odds")}</span>
          <TopOdds manifest={app.manifest} odds={odds} least={LEAST_ODDS} title={app.t("card.odds")} />
        </div>
      )}
      {near?.rows.length !== 0 && (
        <div class="near">
          <span class="muted">{app.t("card.near")}</span>
          <div class="strip">
            {near && Array.from(near.rows, (other, rank) => (
              <button
                key={other}
                class="thumb"
                title={`${app.t("card.id", { id: app.columns.id(other) })} · ${labelName(app, other)} · ${near.distances[rank].toFixed(2)}`}
                aria-label={app.t("card.open", { id: app.columns.id(other), label: labelName(app, other) })}
                onClick={() => {
                  frame.enter = true;
                  app.goTo(other);
                }}
              >
                <Bitmap app={app} row={other} side={34} />
                <small>{app.columns.id(other)}</small>
              </button>
            ))}
          </div>
        </div>
      )}
      {pinned && near?.rows.length !== 0 && (
        <p class="muted small">
          {app.t(app.manifest.latentDim === 1 ? "card.near.one" : "card.near.about", { count: app.manifest.latentDim })}
        </p>
      )}
    </section>
  );
}

async function learn(app: App, row: number, tell: (part: Partial<Facts>) => void): Promise<void> {
  const fail = (error: unknown) => app.say(wordsOf(error), "error");
  try {
    const z = await app.latentsOf([row]);
    app.latents.nearest(z, NEAR, row, amongOf(app, app.toldOf(row))).then((near) => tell({ near }), fail);
    app.latents.odds(z).then((odds) => tell({ odds }), fail);
    if (app.manifest.columns.some((column) => column.name === "error")) {
      tell({ error: (await app.columns.column("error"))[row] });
    }
  } catch (error) {
    fail(error);
  }
}

/** The name of a row's label. */
export function labelName(app: App, row: number): string {
  return app.manifest.classes[app.columns.labels[row]]?.name ?? app.t("card.unlabelled");
}

function colourOf(app: App, label: number, dark: boolean): string {
  const info = app.manifest.classes[label];
  return info ? onPaper(info.colour, dark) : "var(--muted)";
}

function Picture({ app, row, kind, error }: { app: App; row: number; kind: "image" | "decoded"; error?: number }) {
  return (
    <figure>
      <Bitmap app={app} row={row} side={84} decoded={kind === "decoded"} />
      <figcaption>
        {app.t(kind === "image" ? "card.image" : "card.reconstruction")}
        {error !== undefined && !Number.isNaN(error) && <span>{app.t("card.error", { value: error.toFixed(4) })}</span>}
      </figcaption>
    </figure>
  );
}

/** The picture of a row on a canvas of its own, or what the decoder makes of its latents. */
function Bitmap({ app, row, side, decoded = false }: { app: App; row: number; side: number; decoded?: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    let current = true;
    const show = (image: ImageData | null) => {
      if (!current || !canvas.current || !image) return;
      canvas.current.width = image.width;
      canvas.current.height = image.height;
      canvas.current.getContext("2d")!.putImageData(image, 0, 0);
      canvas.current.dataset.drawn = "1";
    };
    const wanted = decoded ? decodedImage(app, row) : (app.pictures?.rgba(row) ?? Promise.resolve(null));
    wanted.then(show, (error: unknown) => app.say(wordsOf(error), "error"));
    return () => {
      current = false;
    };
  }, [row, decoded]);
  const [height, width] = app.manifest.shape;
  const scale = side / Math.max(height, width);
  return (
    <canvas
      ref={canvas}
      class={Math.max(height, width) <= side ? "crisp" : ""}
      style={{ width: `${width * scale}px`, height: `${height * scale}px` }}
      width={1}
      height={1}
    />
  );
}

async function decodedImage(app: App, row: number): Promise<ImageData | null> {
  const z = await app.latentsOf([row]);
  const pixels = await app.decoder?.decode(z, [app.toldOf(row)]);
  const [height, width] = app.manifest.shape;
  return pixels ? new ImageData(new Uint8ClampedArray(pixels), width, height) : null;
}

/** The side on which a card stands, and how many neighbours it was chosen for. */
interface Standing {
  side: Side | null;
  far: number;
}

/** Puts the card beside its point. It keeps its side while the map moves, and looks for a better
 * one only when its neighbours are known or when it would come to lie on its own point. */
function placeBeside(app: App, box: HTMLElement, row: number, near: Near | null, standing: Standing): Standing {
  const map = app.map.size.peek();
  if (matchMedia("(max-width: 760px)").matches || map.width < 560) {
    box.style.transform = "";
    box.dataset.stands = String(near?.rows.length ?? 0);
    return { side: null, far: 0 };
  }
  const places = app.map.places;
  const pixel = (each: number) => app.map.toScreen(places[2 * each], places[2 * each + 1]);
  const there = !Number.isNaN(places[2 * row]);
  const point: [number, number] = there ? pixel(row) : [map.width / 2, map.height / 3];
  const card = { width: box.offsetWidth, height: box.offsetHeight };
  const count = near?.rows.length ?? 0;
  let { side } = standing;
  if (!side || count !== standing.far || covers(placed(point, side, card, map), card, point)) {
    const others = Array.from(near?.rows ?? [], pixel).filter(([x]) => !Number.isNaN(x));
    side = bestSide(point, card, map, others, coveredBoxes(app.stage));
  }
  const [left, top] = placed(point, side, card, map);
  box.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  // Where it stands it was put for so many neighbours.
  box.dataset.stands = String(count);
  return { side, far: count };
}

/** What else lies over the map, in its pixels. */
function coveredBoxes(stage: HTMLElement): Box[] {
  const { left, top } = stage.getBoundingClientRect();
  const parts = stage.closest(".stage-frame")?.querySelectorAll(".probe-corner, .legend, .zoom, .tools, .hint") ?? [];
  return Array.from(parts, (part) => {
    const box = part.getBoundingClientRect();
    return { x0: box.left - left, y0: box.top - top, x1: box.right - left, y1: box.bottom - top };
  });
}
