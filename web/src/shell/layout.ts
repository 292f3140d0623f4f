/** Where the rows stand: on the map as it is, or each class in a panel of its own. */

/** One panel: the box that a class flies into, in the unit of the places returned beside it. */
export interface Panel {
  label: number;
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** Places float32 [2 N] with the panels that they lie in. */
export interface Layout {
  places: Float32Array;
  panels: Panel[];
  /** Rows that lie so far from the others of their class that they stand at the edge of its panel. */
  strays: ReadonlySet<number>;
}

const GAP = 0.14;
const INNER = 0.92;
const EDGE = 0.49;
const STRAY = 0.04;
const ROOM = 0.08;

/** A panel for each class: its rows, scaled to fill a unit square of its own.
 *
 * @param xy float32 [2 N], places on the map.
 * @param labels int16 [N]; -1 rows have no panel, and NaN places.
 * @param classes K.
 * @param aspect width over height of the canvas, which the grid of panels follows.
 */
export function panelled(xy: Float32Array, labels: Int16Array, classes: number, aspect: number): Layout {
  const columns = columnsOf(classes, aspect);
  const boxes = boxesOf(xy, labels, classes);
  const places = new Float32Array(xy.length).fill(NaN);
  const panels: Panel[] = boxes.map((_, label) => {
    const x0 = (label % columns) * (1 + GAP);
    const y0 = -Math.floor(label / columns) * (1 + GAP);
    return { label, x0, y0: y0 - 1, x1: x0 + 1, y1: y0 };
  });
  const strays = new Set<number>();
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row];
    if (label < 0) continue;
    const box = boxes[label];
    const panel = panels[label];
    // Stray rows stand at the edge of their panel.
    const x = (xy[2 * row] - box.x) * box.scale;
    const y = (xy[2 * row + 1] - box.y) * box.scale;
    places[2 * row] = (panel.x0 + panel.x1) / 2 + Math.min(Math.max(x, -EDGE), EDGE);
    places[2 * row + 1] = (panel.y0 + panel.y1) / 2 + Math.min(Math.max(y, -EDGE), EDGE);
    if (Math.max(Math.abs(x), Math.abs(y)) > EDGE) strays.add(row);
  }
  return { places, panels, strays };
}

/** How many panels stand side by side for the largest panels in a window of this shape. */
export function columnsOf(classes: number, aspect: number): number {
  let [best, largest] = [1, 0];
  for (let columns = 1; columns <= classes; columns++) {
    const lines = Math.ceil(classes / columns);
    const side = Math.min(aspect / (columns + (columns - 1) * GAP), 1 / (lines + lines * GAP));
    // A hair more is no reason for another hole in the last line.
    if (side > largest * 1.001) [best, largest] = [columns, side];
  }
  return best;
}

/** Centre of each class's rows and the scale that fits nearly all of them into a unit square. */
function boxesOf(xy: Float32Array, labels: Int16Array, classes: number) {
  const counts = new Uint32Array(classes);
  for (let row = 0; row < labels.length; row++) {
    if (labels[row] >= 0 && !Number.isNaN(xy[2 * row])) counts[labels[row]]++;
  }
  const own = Array.from(counts, (count) => [new Float32Array(count), new Float32Array(count)]);
  const filled = new Uint32Array(classes);
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row];
    if (label < 0 || Number.isNaN(xy[2 * row])) continue;
    own[label][0][filled[label]] = xy[2 * row];
    own[label][1][filled[label]++] = xy[2 * row + 1];
  }
  return own.map(([xs, ys]) => {
    if (!xs.length) return { x: 0, y: 0, scale: 0 };
    const [x0, x1] = middle(xs);
    const [y0, y1] = middle(ys);
    const side = Math.max(x1 - x0, y1 - y0);
    return { x: (x0 + x1) / 2, y: (y0 + y1) / 2, scale: side > 0 ? INNER / side : 0 };
  });
}

/** The range that all but one in fifty lie in, with a little room; stray rows would squeeze the
 * others into a corner. */
function middle(values: Float32Array): [number, number] {
  values.sort();
  const low = values[Math.floor(STRAY * (values.length - 1))];
  const high = values[Math.ceil((1 - STRAY) * (values.length - 1))];
  const room = ROOM * (high - low);
  return [low - room, high + room];
}

const CELLS = 48;
const BLUR = 5;

/** The densest place of each class: [K][2], NaN where it has no rows.
 *
 * The map is cut into 48 x 48 cells; a name stands in the middle of the cell around which, within
 * five cells each way, most rows of the class lie, the near ones counting more.
 */
export function densestPlaces(places: Float32Array, labels: Int16Array, classes: number): [number, number][] {
  const [x0, y0, x1, y1] = bounds(places);
  const wide = Math.max(x1 - x0, 1e-12) / CELLS;
  const high = Math.max(y1 - y0, 1e-12) / CELLS;
  const counts = Array.from({ length: classes }, () => new Float64Array(CELLS * CELLS));
  for (let row = 0; row < labels.length; row++) {
    const x = places[2 * row];
    if (labels[row] < 0 || Number.isNaN(x)) continue;
    const column = Math.min(Math.floor((x - x0) / wide), CELLS - 1);
    const line = Math.min(Math.floor((places[2 * row + 1] - y0) / high), CELLS - 1);
    counts[labels[row]][line * CELLS + column]++;
  }
  return counts.map((count) => {
    const smooth = blurred(blurred(count, 1, CELLS), CELLS, 1);
    let best = 0;
    // A name stands on rows of its class, not in a hole between them.
    for (let cell = 1; cell < smooth.length; cell++) {
      if (count[cell] && (!count[best] || smooth[cell] > smooth[best])) best = cell;
    }
    if (!count[best]) return [NaN, NaN];
    return [x0 + ((best % CELLS) + 0.5) * wide, y0 + (Math.floor(best / CELLS) + 0.5) * high];
  });
}

function bounds(places: Float32Array): [number, number, number, number] {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < places.length; i += 2) {
    if (Number.isNaN(places[i])) continue;
    x0 = Math.min(x0, places[i]);
    x1 = Math.max(x1, places[i]);
    y0 = Math.min(y0, places[i + 1]);
    y1 = Math.max(y1, places[i + 1]);
  }
  return [x0, y0, x1, y1];
}

/** Sums with weights that fall to nothing over six cells, along one axis of the grid. */
function blurred(count: Float64Array, step: number, across: number): Float64Array {
  const out = new Float64Array(count.length);
  for (let one = 0; one < CELLS; one++) {
    for (let at = 0; at < CELLS; at++) {
      let sum = 0;
      for (let by = -BLUR; by <= BLUR; by++) {
        const other = at + by;
        if (other >= 0 && other < CELLS) sum += (BLUR + 1 - Math.abs(by)) * count[one * across + other * step];
      }
      out[one * across + at * step] = sum;
    }
  }
  return out;
}
