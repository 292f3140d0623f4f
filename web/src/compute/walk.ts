/** Ways from one latent to another. */

/** Neighbours on the graph, tried in turn until both ends are joined. */
const NEIGHBOURS = [10, 20, 40, 80];
/** Rows that the graph is drawn over, tried in turn. */
const CORRIDORS = [3000, 9000];
/** A copy costs next to nothing, but zero would be no edge. */
const LEAST_COST = 1e-12;

/** `steps` latents at equal distances from a to b, both ends included: float32 [steps D]. */
export function straight(a: Float32Array, b: Float32Array, steps: number): Float32Array {
  const points = new Float32Array(2 * a.length);
  points.set(a);
  points.set(b, a.length);
  return resampled(points, a.length, steps);
}

/** `steps` latents on the cheapest way from a to b over rows float32 [N D]; null: not joined.
 *
 * An edge of the graph of nearest neighbours costs the square of its length, so many short steps
 * through dense places are cheaper than a long one across an empty place (Sajama & Orlitsky,
 * "Estimating and computing density based distance metrics", ICML 2005). The graph is drawn over
 * the rows whose way from a and on to b is shortest, which is where a cheap way can lie.
 * `allowed` uint8 [N]: only rows with 1.
 */
export function alongData(
  points: Float32Array,
  dim: number,
  a: Float32Array,
  b: Float32Array,
  steps: number,
  allowed: Uint8Array | null = null,
): Float32Array | null {
  for (const most of CORRIDORS) {
    const nodes = corridor(points, dim, a, b, most, allowed);
    const way = cheapestWay(nodes, dim);
    if (way) return resampled(way, dim, steps);
    if (nodes.length / dim - 2 < most) return null;
  }
  return null;
}

/** So many places at equal distances along a line through points [m D]: float32 [steps D]. */
export function resampled(points: Float32Array, dim: number, steps: number): Float32Array {
  const m = points.length / dim;
  const along = new Float64Array(m);
  for (let i = 1; i < m; i++) along[i] = along[i - 1] + Math.sqrt(squareBetween(points, dim, i - 1, i));
  const z = new Float32Array(steps * dim);
  let left = 0;
  for (let step = 0; step < steps; step++) {
    const wanted = steps > 1 ? (along[m - 1] * step) / (steps - 1) : 0;
    while (left < m - 2 && along[left + 1] < wanted) left++;
    const length = m > 1 ? along[left + 1] - along[left] : 0;
    const share = length > 0 ? (wanted - along[left]) / length : 0;
    const right = Math.min(left + 1, m - 1);
    for (let d = 0; d < dim; d++) {
      z[step * dim + d] = (1 - share) * points[left * dim + d] + share * points[right * dim + d];
    }
  }
  z.set(points.subarray(0, dim));
  if (steps > 1) z.set(points.subarray(points.length - dim), (steps - 1) * dim);
  return z;
}

/** Both ends and the `most` rows with the least |z - a| + |z - b|: float32 [m D]. */
function corridor(
  points: Float32Array,
  dim: number,
  a: Float32Array,
  b: Float32Array,
  most: number,
  allowed: Uint8Array | null,
): Float32Array {
  const n = points.length / dim;
  const detours = new Float32Array(n).fill(Infinity);
  let candidates = 0;
  for (let row = 0, at = 0; row < n; row++, at += dim) {
    if (allowed !== null && allowed[row] === 0) continue;
    let [toA, toB] = [0, 0];
    for (let d = 0; d < dim; d++) {
      toA += (points[at + d] - a[d]) ** 2;
      toB += (points[at + d] - b[d]) ** 2;
    }
    detours[row] = Math.sqrt(toA) + Math.sqrt(toB);
    candidates++;
  }
  const count = Math.min(most, candidates);
  const limit = count ? Float32Array.from(detours).sort()[count - 1] : -1;
  const nodes = new Float32Array((count + 2) * dim);
  nodes.set(a);
  nodes.set(b, dim);
  for (let row = 0, taken = 0; row < n && taken < count; row++) {
    if (detours[row] > limit) continue;
    nodes.set(points.subarray(row * dim, row * dim + dim), (taken++ + 2) * dim);
  }
  return nodes;
}

/** Points on the cheapest way from point 0 to point 1: float32 [m D]; null: not joined. */
function cheapestWay(nodes: Float32Array, dim: number): Float32Array | null {
  const n = nodes.length / dim;
  const most = Math.min(NEIGHBOURS[NEIGHBOURS.length - 1], n - 1);
  let lists = neighbourLists(nodes, dim, Math.min(NEIGHBOURS[0], most));
  for (const k of NEIGHBOURS) {
    // The longer lists are only made where the shorter do not join the ends.
    if (k > NEIGHBOURS[0] && lists.k < Math.min(k, most)) lists = neighbourLists(nodes, dim, most);
    const way = dijkstra(lists, n, Math.min(k, most));
    if (way) {
      const line = new Float32Array(way.length * dim);
      way.forEach((node, i) => line.set(nodes.subarray(node * dim, node * dim + dim), i * dim));
      return line;
    }
    if (k >= most) break;
  }
  return null;
}

interface Lists {
  k: number;
  /** The neighbours of each point, nearest first: uint32 [n k], and the squared distances. */
  rows: Uint32Array;
  squares: Float64Array;
}

/** The k nearest other points of each point, by comparing all pairs once. */
function neighbourLists(nodes: Float32Array, dim: number, k: number): Lists {
  const n = nodes.length / dim;
  const rows = new Uint32Array(n * k);
  const squares = new Float64Array(n * k).fill(Infinity);
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const worst = Math.max(squares[i * k + k - 1], squares[j * k + k - 1]);
      const square = squareBetween(nodes, dim, i, j, worst);
      if (square < squares[i * k + k - 1]) insert(rows, squares, i * k, k, j, square);
      if (square < squares[j * k + k - 1]) insert(rows, squares, j * k, k, i, square);
    }
  }
  return { k, rows, squares };
}

function insert(
  rows: Uint32Array,
  squares: Float64Array,
  at: number,
  k: number,
  row: number,
  square: number,
): void {
  let place = at + k - 1;
  for (; place > at && squares[place - 1] > square; place--) {
    squares[place] = squares[place - 1];
    rows[place] = rows[place - 1];
  }
  squares[place] = square;
  rows[place] = row;
}

/** Squared distance of two points; what exceeds `limit` may be any number above it. */
function squareBetween(points: Float32Array, dim: number, i: number, j: number, limit = Infinity): number {
  let square = 0;
  for (let d = 0; d < dim && square <= limit; d++) square += (points[i * dim + d] - points[j * dim + d]) ** 2;
  return square;
}

/** The cheapest way from point 0 to point 1 (Dijkstra 1959) over edges in both directions. */
function dijkstra(lists: Lists, n: number, k: number): number[] | null {
  const edges = bothWays(lists, n, k);
  const cost = new Float64Array(n).fill(Infinity);
  const before = new Int32Array(n).fill(-1);
  const done = new Uint8Array(n);
  const queue = new Queue();
  cost[0] = 0;
  queue.push(0, 0);
  for (let node = queue.pop(); node !== undefined && node !== 1; node = queue.pop()) {
    if (done[node]) continue;
    done[node] = 1;
    for (let e = edges.starts[node]; e < edges.starts[node + 1]; e++) {
      const to = edges.ends[e];
      const reached = cost[node] + Math.max(edges.squares[e], LEAST_COST);
      if (reached >= cost[to]) continue;
      cost[to] = reached;
      before[to] = node;
      queue.push(to, reached);
    }
  }
  if (before[1] < 0) return null;
  const way = [1];
  while (way[way.length - 1] !== 0) way.push(before[way[way.length - 1]]);
  return way.reverse();
}

/** The edges of each point, those of others to it included: ends and squares from starts[i] on. */
function bothWays(
  lists: Lists,
  n: number,
  k: number,
): { starts: Uint32Array; ends: Uint32Array; squares: Float64Array } {
  const starts = new Uint32Array(n + 1);
  const each = (use: (i: number, j: number, square: number) => void) => {
    for (let i = 0; i < n; i++) {
      for (let c = 0; c < k; c++) use(i, lists.rows[i * lists.k + c], lists.squares[i * lists.k + c]);
    }
  };
  each((i, j) => {
    starts[i + 1]++;
    starts[j + 1]++;
  });
  for (let i = 0; i < n; i++) starts[i + 1] += starts[i];
  const next = starts.slice(0, n);
  const ends = new Uint32Array(2 * n * k);
  const squares = new Float64Array(2 * n * k);
  each((i, j, square) => {
    for (const [from, to] of [
      [i, j],
      [j, i],
    ]) {
      ends[next[from]] = to;
      squares[next[from]++] = square;
    }
  });
  return { starts, ends, squares };
}

/** A binary heap: the cheapest comes first. */
class Queue {
  private readonly nodes: number[] = [];
  private readonly costs: number[] = [];

  push(node: number, cost: number): void {
    let at = this.nodes.length;
    for (; at > 0; at = (at - 1) >> 1) {
      const parent = (at - 1) >> 1;
      if (this.costs[parent] <= cost) break;
      this.nodes[at] = this.nodes[parent];
      this.costs[at] = this.costs[parent];
    }
    this.nodes[at] = node;
    this.costs[at] = cost;
  }

  pop(): number | undefined {
    const first = this.nodes[0];
    const node = this.nodes.pop();
    const cost = this.costs.pop();
    if (node === undefined || cost === undefined || this.nodes.length === 0) return first;
    let at = 0;
    for (let child = 1; child < this.nodes.length; child = 2 * at + 1) {
      if (child + 1 < this.nodes.length && this.costs[child + 1] < this.costs[child]) child++;
      if (this.costs[child] >= cost) break;
      this.nodes[at] = this.nodes[child];
      this.costs[at] = this.costs[child];
      at = child;
    }
    this.nodes[at] = node;
    this.costs[at] = cost;
    return first;
  }
}
