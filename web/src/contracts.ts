/** The nouns of the page: what it reads, and the parts that its features talk to.
 *
 * Rows of a space are numbered 0..N-1 in the page; ids are what the space calls them.
 * A label is a number 0..K-1, or -1 where unknown. Places on a map are in the unit of the map.
 */

import type { ReadonlySignal, Signal } from "@preact/signals";

/** One class of the images. */
export interface ClassInfo {
  name: string;
  /** `#rrggbb`, the same as in the pictures that latlas draws. */
  colour: string;
  count: number;
  /** A name that a reader gave: no model, prior or classifier of the space knows it. */
  byReader?: boolean;
}

/** One 2-D map of the space; the resource `map-NAME` holds uint16 [N, 2], row by row.
 *
 * x = low[0] + q / 65534 (high[0] - low[0]); 65535: the row has no place on this map.
 */
export interface MapInfo {
  name: string;
  title: string;
  low: [number, number];
  high: [number, number];
  scores: Record<string, number>;
  /** Each class has a map of its own, laid out in its own frame around its own centre. */
  panels: boolean;
}

/** One column of the rows; the resource `column-NAME` holds it.
 *
 * `class`: uint8 or uint16 [N], an index into `names`; the largest value of the type: unknown.
 * `number`: uint16 [N], value = low + q / 65534 (high - low); 65535: missing.
 */
export interface ColumnInfo {
  name: string;
  title: string;
  kind: "class" | "number";
  dtype: "u1" | "u2";
  /** Of a `class` column. */
  names?: string[];
  colours?: string[];
  /** Of a `number` column. */
  low?: number;
  high?: number;
  unit?: string;
  /** One sentence for a person. */
  about?: string;
}

/** A net as ONNX; inputs and outputs are float32.
 *
 * Decoder: `z` [n, D] (and `label` [n, K], one-hot or zeros, where `told`) -> `image`
 * [n, C, H, W] in 0..1. Encoder: `image` [n, C, H, W] in 0..1 (and `label`) -> `z` [n, D].
 * Sheet: `xy` [n, 2] in the unit of its map, divided as (xy - low) / (high - low) -> `z` [n, D].
 */
export interface GraphInfo {
  resource: string;
  bytes: number;
  parameters: number;
  told: boolean;
}

/** The linear classifier of the space, for odds at any latent vector.
 *
 * odds = softmax(z · weights + bias), weights row-major [D, K], K the number of `classes`.
 */
export interface LinearInfo {
  classes: number[];
  weights: number[];
  bias: number[];
  accuracy: number | null;
}

/** The kNN classifier: the odds are those of `latlas.classifiers.KNNClassifier`.
 *
 * With v_c the share of the votes of the k nearest rows of `train` (votes weigh
 * exp(-4 d² / d_k²)) and π_c the class's share: s_c = log(k v_c + π_c), odds =
 * softmax(s / temperature).
 */
export interface KnnInfo {
  classes: number[];
  k: number;
  temperature: number;
  accuracy: number | null;
}

/** Borders drawn on one map: the resource `borders-MAP` holds uint8 [size, size, 2].
 *
 * The first is the class at the middle of a cell (255: none), the second the surprise of the
 * runner-up, as odds of the first in 0..255. Row 0 lies at the top (high y); the square spans
 * low..high of the map widened by `margin` of the side at each edge.
 */
export interface BordersInfo {
  map: string;
  resource: string;
  size: number;
  margin: number;
  /** Name of the classifier that drew them, for instance "knn". */
  method: string;
}

/** Mixtures of Gaussians to sample from: the resource holds float32, for each density in turn
 * weights [k], means [k, D], roots [k, D, D] (lower triangular, row-major).
 */
export interface MixtureInfo {
  name: string;
  resource: string;
  /** The class of each density, -1 for the density over everything, and its k. */
  densities: { label: number; components: number }[];
}

/** Pictures of the rows: PNG or WebP sheets of `columns` x `lines` cells of `cell` pixels.
 *
 * The resource `order` holds uint32 [N]: the place of each row among the cells of all sheets
 * (place p is cell p % perSheet of sheet ⌊p / perSheet⌋, resource `sheet-INDEX`). Neighbours on
 * the map lie on the same sheet. `overview` has one sheet of its own: representatives from all
 * over the default map; resource `overview-rows` uint32 [M] names their rows, cell by cell.
 */
export interface PicturesInfo {
  cell: [height: number, width: number];
  columns: number;
  perSheet: number;
  sheets: number;
  type: "image/png" | "image/webp";
  overview: { rows: number; columns: number } | null;
}

/** One number about the space, for the tour and the facts panel. */
export interface ScoreInfo {
  name: string;
  title: string;
  value: number;
  /** As a person reads it, for instance "97.6%". */
  shown: string;
  about: string;
}

/** Everything that the page knows before it loads a column: the resource `manifest`, JSON. */
export interface Manifest {
  format: 1;
  name: string;
  version: string;
  /** Changes whenever what the page shows may have changed. */
  fingerprint: string;
  rows: number;
  /** Rows of the whole space, of which an exported file may carry a part. */
  total: number;
  latentDim: number;
  shape: [height: number, width: number, channels: number];
  /** How an image of another shape is made to fit: cut to the middle, or filled up around. */
  resize: "crop" | "pad";
  scope: "global" | "per-class" | "conditional";
  /** The last part of the source's name; never a path. */
  source: string;
  model: string | null;
  classes: ClassInfo[];
  splits: string[];
  /** The first is the one to show. */
  maps: MapInfo[];
  columns: ColumnInfo[];
  /** Whether the resource `ids` (int32 [N]) is there; else ids are the row numbers. */
  ids: boolean;
  /** Whether the resource `z` (float16 [N, D], row by row) is there, and its bytes. */
  z: { bytes: number } | null;
  /** The plane of the two leading directions: z = mean + x components[0] + y components[1]. */
  pca: { mean: number[]; components: [number[], number[]] } | null;
  /** One decoder for all, or one for each member of a per-class space. */
  decoders: GraphInfo[];
  encoders: GraphInfo[];
  /** The decoder (and encoder) of each label; empty where there is one for all. */
  owners: number[];
  sheets: Record<string, GraphInfo & { error: number }>;
  linear: LinearInfo | null;
  knn: KnnInfo | null;
  borders: BordersInfo[];
  mixtures: MixtureInfo[];
  /** Names of all priors, and which are fitted; sampling others needs the server. */
  priors: { name: string; fitted: boolean }[];
  /** Quantiles 0, 1, ..., 100% of the distance of a held-out latent to its nearest training
   * latent; what is beyond the last has nothing real near it. */
  fog: number[];
  pictures: PicturesInfo | null;
  scores: ScoreInfo[];
  /** Whether the resource `edits` is there: labels and tags that an exported file carries. */
  edits?: boolean;
  /** Null in an exported file. */
  server: { readOnly: boolean; uploadBytes: number } | null;
}

/** Where the page's bytes come from: a server, or the file that it is in. */
export interface Resources {
  manifest(): Promise<Manifest>;
  /** The bytes of a resource; asked for twice they come from memory.
   * @throws PageError in words when they cannot be had. */
  bytes(name: string, onProgress?: (done: number, total: number) => void): Promise<ArrayBuffer>;
}

/** Something that went wrong, in words for a person. */
export class PageError extends Error {
  constructor(
    message: string,
    /** The HTTP status where a server answered, 0 where none did. */
    readonly status = 0,
  ) {
    super(message);
  }
}

/** What went wrong, in words, whatever was thrown. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Talks to the server; absent in an exported file. Routes are those of `/api/v1`. */
export interface Server {
  readonly readOnly: boolean;
  /** Whether the last call reached the server. */
  readonly reachable: ReadonlySignal<boolean>;
  get<T>(path: string): Promise<T>;
  send<T>(method: "POST" | "PUT" | "DELETE", path: string, body: unknown): Promise<T>;
  /** Sends a file as it is. */
  upload<T>(path: string, file: Blob): Promise<T>;
  /** Starts long work and waits for it: `POST path` answers 202 with a job, which is polled. */
  job<T>(
    path: string,
    body: unknown,
    onProgress?: (done: number, text: string) => void,
    signal?: AbortSignal,
  ): Promise<T>;
}

/** Columns of a space, in memory. */
export interface Columns {
  readonly rows: number;
  /** int16 [N], -1 where unknown: the labels of the space with the reader's changes on top. */
  labels: Int16Array;
  /** uint8 [N]: index into `manifest.splits`. */
  splits: Uint8Array;
  /** The id of a row, and the row of an id (-1: none). */
  id(row: number): number;
  row(id: number): number;
  /** float32 [N] of a number column (NaN: missing), int16 [N] of a class column (-1: unknown). */
  column(name: string): Promise<Float32Array | Int16Array>;
  /** float32 [2 N] of a map, x and y in turn, NaN: no place. */
  map(name: string): Promise<Float32Array>;
  /** float32 [N D], row by row; null where the page does not carry them. */
  z(): Promise<Float32Array | null>;
}

/** Images out of latents, wherever they are made. */
export interface Decoder {
  /** Where it runs, for the page to say: in the page, or on the server. */
  readonly where: "page" | "server";
  /** z float32 [n D] (labels int [n], -1: told none) -> RGBA bytes [n H W 4].
   * Of calls with the same `lane` only the latest is answered; the others resolve to null. */
  decode(
    z: Float32Array,
    labels?: ArrayLike<number> | null,
    lane?: string,
  ): Promise<Uint8ClampedArray | null>;
  /** Through the sheet of a map: xy float32 [2 n] in the unit of the map -> latents [n D]. */
  sheet(map: string, xy: Float32Array, lane?: string): Promise<Float32Array | null>;
  /** RGB or grey pixels [n H W C] in 0..1 -> latents float32 [n D]. */
  encode(pixels: Float32Array, labels?: ArrayLike<number> | null): Promise<Float32Array>;
}

/** What the page computes on latents by itself; runs in a worker.
 *
 * `among`: only rows whose label is this one count (the scope per-class), -1 for all.
 */
export interface Latents {
  /** Nearest rows of a latent [D], the nearest first; `except` is left out, and so are the rows
   * `without`. A server gives at most 1000. */
  nearest(
    z: Float32Array,
    k: number,
    except?: number,
    among?: number,
    without?: Uint32Array,
  ): Promise<Near>;
  /** Odds of each class at latents [n D]: float32 [n K], rows sum to 1; null without labels. */
  odds(z: Float32Array): Promise<Float32Array | null>;
  /** How far latents [n D] are from anything real: 0 clear .. 1 nothing near, float32 [n]. */
  fog(z: Float32Array, among?: number): Promise<Float32Array>;
  /** Draws n latents of a mixture; label -1: of everything. */
  sample(
    mixture: string,
    n: number,
    label: number,
    temperature: number,
    seed: number,
  ): Promise<Float32Array>;
  /** Draws n latents of a Gaussian (with shrinkage) fitted on rows. */
  sampleLike(
    rows: Uint32Array,
    n: number,
    temperature: number,
    seed: number,
    among?: number,
  ): Promise<Float32Array>;
  /** `steps` latents [steps D] from a to b: straight, or along the data. */
  walk(
    a: Float32Array,
    b: Float32Array,
    steps: number,
    path: "linear" | "graph",
    among?: number,
  ): Promise<Float32Array>;
  /** The local directions at a latent [D] that the map flattens: orthonormal float32 [m D], with
   * the spread of the data along each, float32 [m]. `map` says what the plane already shows. */
  directions(
    z: Float32Array,
    map: string,
    m: number,
    among?: number,
  ): Promise<{ axes: Float32Array; spread: Float32Array }>;
  /** Where new latents [n D] land on a map: float32 [2 n]. */
  place(z: Float32Array, map: string, among?: number): Promise<Float32Array>;
}

/** Nearest rows with their distances, the nearest first. */
export interface Near {
  rows: Uint32Array;
  distances: Float32Array;
}

/** How the window looks at the map: screen = (map - centre) * scale, y upwards in the map. */
export interface View {
  /** Map coordinates at the middle of the canvas. */
  x: number;
  y: number;
  /** CSS pixels for one unit of the map. */
  scale: number;
}

/** The points. One implementation in WebGL; another would go behind the same lines. */
export interface MapRenderer {
  readonly view: ReadonlySignal<View>;
  /** CSS pixels. */
  readonly size: ReadonlySignal<{ width: number; height: number }>;
  /** Places float32 [2 N]; `animate`: milliseconds to fly there, 0 at once. */
  setPlaces(xy: Float32Array, animate: number): Promise<void>;
  /** Where rows are now (after the flight): float32 [2 N]. */
  readonly places: Float32Array;
  /** The same, for what has a place among them: another array whenever rows are sent elsewhere. */
  readonly placed: ReadonlySignal<Float32Array>;
  /** Whether rows are on their way to new places. */
  readonly flying: ReadonlySignal<boolean>;
  /** A colour index for each row, uint16 [N], into a palette of `#rrggbb`. Entry 0 is the grey of
   * context: drawn first, small and pale. 65535: not drawn. */
  setColours(index: Uint16Array, palette: string[]): void;
  /** Multiplies the size of the points, and their opacity 0..1. */
  setLook(size: number, opacity: number): void;
  /** Rows drawn with a ring, with the class of CSS colour given. */
  setRings(rows: { row: number; colour: string; radius: number }[]): void;
  setView(view: Partial<View>, animate?: number): void;
  /** Fits the box of all places, or of some rows, into the canvas. */
  fit(rows?: ArrayLike<number>, animate?: number): void;
  toScreen(x: number, y: number): [number, number];
  toMap(px: number, py: number): [number, number];
  /** The row nearest to a place of the canvas within `radius` CSS pixels, or -1. */
  pick(px: number, py: number, radius: number): number;
  /** Rows inside a polygon of canvas pixels [x, y, x, y, ...]. */
  inside(polygon: ArrayLike<number>): Uint32Array;
  /** Rows inside a box of map coordinates, at most `most` of them, evenly spread. */
  inBox(x0: number, y0: number, x1: number, y1: number, most: number): Uint32Array;
  /** Called after each frame is drawn. Returns how to stop it. */
  onDraw(listener: () => void): () => void;
  redraw(): void;
}

/** How rows are drawn on whatever map: what a `MapRenderer` takes, in step with the state. */
export interface Marks {
  /** By the column in colour, without classes that are switched off and what is not selected. */
  colours: ReadonlySignal<{ index: Uint16Array; palette: string[] }>;
  /** Round the pinned row and the one under the cursor. */
  rings: ReadonlySignal<{ row: number; colour: string; radius: number }[]>;
  /** The row whose true neighbours are shown (-1: none), and these, the nearest first. */
  lines: ReadonlySignal<{ row: number; near: Uint32Array }>;
  dark: ReadonlySignal<boolean>;
}

/** The pictures of the rows. */
export interface Pictures {
  readonly width: number;
  readonly height: number;
  /** Draws the picture of a row now if it is in memory; else fetches it, returns false, and the
   * map is redrawn when it is there. */
  draw(context: CanvasRenderingContext2D, row: number, x: number, y: number, size: number): boolean;
  /** The picture as RGBA. */
  rgba(row: number): Promise<ImageData>;
  /** Rows that have a picture in the overview, which is the first to arrive. */
  readonly overview: ReadonlySignal<Uint32Array>;
}

/** A layer drawn over or under the points, in order of `depth` (points are at 0). */
export interface Layer {
  id: string;
  /** Below 0: under the points; above: over them. */
  depth: number;
  draw(context: CanvasRenderingContext2D, view: View, width: number, height: number): void;
}

/** What a gesture on the map may be meant for; the tool that is chosen gets it first. */
export interface Tool {
  id: string;
  /** A word key and an icon path of 24 x 24: the tool then has a button on the map. */
  title?: string;
  icon?: string;
  /** CSS cursor. */
  cursor: string;
  /** Return true to keep the gesture from panning and zooming. */
  pointer?(event: PointerEvent, x: number, y: number): boolean;
  wheel?(event: WheelEvent, x: number, y: number): boolean;
}

/** What the reader looks at; everything here is in the URL but for what only passes. */
export interface State {
  map: Signal<string>;
  /** Name of a column, or "none". */
  colour: Signal<string>;
  show: Signal<"dots" | "images" | "decoded">;
  /** Values of the class column in colour that are switched off. */
  hidden: Signal<ReadonlySet<number>>;
  /** Fly each class into a panel of its own. */
  apart: Signal<boolean>;
  /** Rows that are selected, ascending. */
  selection: Signal<Uint32Array>;
  /** The row with the open card, or -1. */
  pinned: Signal<number>;
  /** The row under the cursor, or -1; never in the URL. */
  hover: Signal<number>;
  /** The cursor on the map, in its unit, or null when it is elsewhere. */
  cursor: Signal<{ x: number; y: number } | null>;
  /** The way from the cursor to a latent vector. */
  way: Signal<"exact" | "plane" | "nearest" | "sheet">;
  borders: Signal<boolean>;
  ground: Signal<boolean>;
  contours: Signal<boolean>;
  names: Signal<boolean>;
  /** The open panel, or "". */
  panel: Signal<string>;
  tool: Signal<string>;
  theme: Signal<"auto" | "light" | "dark">;
  language: Signal<string>;
  /** The latent vector that is being looked at with its fog and odds, from whatever source. */
  probe: Signal<Probe | null>;
}

/** One latent vector under scrutiny. */
export interface Probe {
  z: Float32Array;
  /** The label that the decoder is told, -1 for none. */
  label: number;
  x: number;
  y: number;
}

/** The page, as its features see it. */
export interface App {
  manifest: Manifest;
  resources: Resources;
  columns: Columns;
  state: State;
  map: MapRenderer;
  marks: Marks;
  pictures: Pictures | null;
  /** Null where the space has no decoder. Ready before its net is: calls wait for it. */
  decoder: Decoder | null;
  latents: Latents;
  server: Server | null;
  /** The element that holds the map, with `position: relative`; overlays go here. */
  stage: HTMLElement;
  addLayer(layer: Layer): () => void;
  addTool(tool: Tool): void;
  /** Key as in `KeyboardEvent.key`, with "Shift+" before where needed; `about`: a word key. */
  addKey(key: string, about: string, run: () => void): void;
  /** Keeps a value in the URL under a short name. */
  keepInUrl<T>(name: string, signal: Signal<T>, write: (value: T) => string, read: (text: string) => T): void;
  /** A word or sentence in the reader's language; {name} is filled in. */
  t(key: string, values?: Record<string, string | number>): string;
  /** Says something at the foot of the page and to screen readers. */
  say(text: string, kind?: "note" | "error"): void;
  /** The latents of rows, from memory or from the server: float32 [n D]. */
  latentsOf(rows: ArrayLike<number>): Promise<Float32Array>;
  /** The label that the decoder is told of a row (scopes per-class and conditional), else -1. */
  toldOf(row: number): number;
  /** Flies to a row and opens its card. */
  goTo(row: number): void;
  /** Shows extra points (samples, dropped images) until they are taken away again. */
  showExtras(owner: string, extras: Extra[]): void;
}

/** A point that is no row of the space. */
export interface Extra {
  x: number;
  y: number;
  colour: string;
  /** RGBA [H W 4] of the images' size, drawn at the point. */
  image?: ImageData;
  onOpen?: () => void;
}

/** A feature of the page: a panel, keys, layers. A new one is a folder in `features/` and a name
 * in `features/index.ts`. Words are in its own `words.ts`, one dictionary for each language.
 */
export interface Feature {
  id: string;
  /** Keys of the dictionary. */
  title: string;
  /** A path for an icon of 24 x 24, stroked. */
  icon?: string;
  /** False leaves it out, for instance where the space has no labels. */
  available?(app: App): boolean;
  /** Called once the map stands. */
  start?(app: App): void;
  /** What the panel shows; a feature without one has no button. */
  Panel?: (props: { app: App }) => unknown;
  words: Record<string, Record<string, string>>;
}
