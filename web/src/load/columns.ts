/** The columns of a space, unpacked as they are asked for. */

import { unpackHalf } from "../compute/half.ts";
import type { ColumnInfo, Columns, Manifest, Resources } from "../contracts.ts";
import { failure } from "./failing.ts";

const MISSING = 65535;
const STEPS = 65534;

/** Opens the columns: labels and splits now, the rest on demand. */
export async function openColumns(manifest: Manifest, resources: Resources): Promise<Columns> {
  const unlabelled = !manifest.columns.some((column) => column.name === "label");
  const has = (name: string) => manifest.columns.some((column) => column.name === name);
  const [labels, splits, ids] = await Promise.all([
    has("label") ? column("label") : null,
    has("split") ? column("split") : null,
    manifest.ids ? resources.bytes("ids").then((bytes) => new Int32Array(bytes)) : null,
  ]);
  const given = labels instanceof Int16Array ? labels : new Int16Array(manifest.rows).fill(-1);
  let byId: Map<number, number> | null = null;
  let z: Promise<Float32Array | null> | null = null;

  async function column(name: string): Promise<Float32Array | Int16Array> {
    const info = manifest.columns.find((each) => each.name === name);
    if (!info) throw failure("fail.column", { name });
    // A space without labels has those that its reader gives.
    if (name === "label" && unlabelled) return given;
    return unpackColumn(info, await resources.bytes(`column-${name}`));
  }

  return {
    rows: manifest.rows,
    labels: given,
    splits: splits ? Uint8Array.from(splits as Int16Array) : new Uint8Array(manifest.rows),
    id: (row) => (ids ? ids[row] : row),
    row(id) {
      if (!ids) return id >= 0 && id < manifest.rows ? id : -1;
      byId ??= new Map(Array.from(ids, (each, row) => [each, row]));
      return byId.get(id) ?? -1;
    },
    column,
    async map(name) {
      const info = manifest.maps.find((each) => each.name === name);
      if (!info) throw failure("fail.map", { name });
      return unpackMap(info.low, info.high, await resources.bytes(`map-${name}`));
    },
    z() {
      z ??= manifest.z ? resources.bytes("z").then(unpackHalf) : Promise.resolve(null);
      return z;
    },
  };
}

/** uint16 places [N, 2] -> float32 [2 N] in the unit of the map; NaN where there is none. */
export function unpackMap(low: number[], high: number[], bytes: ArrayBuffer): Float32Array {
  const packed = new Uint16Array(bytes);
  const places = new Float32Array(packed.length);
  const step = [(high[0] - low[0]) / STEPS, (high[1] - low[1]) / STEPS];
  for (let i = 0; i < packed.length; i++) {
    places[i] = packed[i] === MISSING ? NaN : low[i & 1] + packed[i] * step[i & 1];
  }
  return places;
}

/** The values of a column as its resource holds them. */
export function unpackColumn(info: ColumnInfo, bytes: ArrayBuffer): Float32Array | Int16Array {
  const packed = info.dtype === "u1" ? new Uint8Array(bytes) : new Uint16Array(bytes);
  if (info.kind === "class") {
    const unknown = info.dtype === "u1" ? 255 : MISSING;
    return Int16Array.from(packed, (value) => (value === unknown ? -1 : value));
  }
  const low = info.low ?? 0;
  const step = ((info.high ?? 1) - low) / STEPS;
  return Float32Array.from(packed, (value) => (value === MISSING ? NaN : low + value * step));
}
