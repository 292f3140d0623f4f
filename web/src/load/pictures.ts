/** The pictures of the rows, cut from sheets that are fetched as they come into sight. */

import { signal } from "@preact/signals";
import type { Manifest, Pictures, Resources } from "../contracts.ts";

const MOST_SHEETS = 48;

interface Sheet {
  bitmap: ImageBitmap | null;
  wanted: Promise<ImageBitmap> | null;
  used: number;
}

/** Opens the pictures; null where the space has none. `onReady` is called when one arrived. */
export function openPictures(
  manifest: Manifest,
  resources: Resources,
  onReady: () => void,
  onError: (error: unknown) => void,
): Pictures | null {
  const info = manifest.pictures;
  if (!info) return null;
  const [height, width] = info.cell;
  const sheets = new Map<number, Sheet>();
  const overview = signal(new Uint32Array(0));
  let order: Uint32Array | null = null;
  let overviewSheet: ImageBitmap | null = null;
  let overviewCells = new Map<number, number>();
  let clock = 0;

  const bitmapOf = async (name: string) =>
    createImageBitmap(new Blob([await resources.bytes(name)], { type: info.type }));
  let orderWanted: Promise<Uint32Array> | null = null;
  const orderReady = () => {
    orderWanted ??= resources.bytes("order").then((bytes) => {
      order = new Uint32Array(bytes);
      onReady();
      return order;
    });
    orderWanted.catch(() => (orderWanted = null));
    return orderWanted;
  };
  // The points come first; pictures follow while the reader looks at them.
  void afterFirstPoints().then(() => {
    orderReady().catch(onError);
    if (!info.overview) return;
    Promise.all([bitmapOf("overview"), resources.bytes("overview-rows")])
      .then(([bitmap, bytes]) => {
        const rows = new Uint32Array(bytes);
        overviewSheet = bitmap;
        overviewCells = new Map(Array.from(rows, (row, cell) => [row, cell]));
        overview.value = rows;
        onReady();
      })
      .catch(onError);
  });

  function sheet(index: number): Sheet {
    let found = sheets.get(index);
    if (!found) {
      found = { bitmap: null, wanted: null, used: 0 };
      sheets.set(index, found);
    }
    found.used = ++clock;
    if (!found.bitmap && !found.wanted) {
      const mine = found;
      mine.wanted = bitmapOf(`sheet-${index}`);
      mine.wanted.then(
        (bitmap) => {
          mine.bitmap = bitmap;
          dropOldest();
          onReady();
        },
        (error: unknown) => {
          mine.wanted = null;
          onError(error);
        },
      );
    }
    return found;
  }

  function dropOldest(): void {
    if (sheets.size <= MOST_SHEETS) return;
    const oldest = [...sheets].filter(([, each]) => each.bitmap).sort((a, b) => a[1].used - b[1].used)[0];
    oldest[1].bitmap?.close();
    sheets.delete(oldest[0]);
  }

  function put(
    context: OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D,
    bitmap: ImageBitmap,
    cell: number,
    columns: number,
    box: [number, number, number, number],
  ): void {
    const x = (cell % columns) * width;
    const y = Math.floor(cell / columns) * height;
    context.drawImage(bitmap, x, y, width, height, ...box);
  }

  return {
    width,
    height,
    overview,
    draw(context, row, x, y, size) {
      const scale = size / Math.max(width, height);
      const w = width * scale;
      const h = height * scale;
      const box: [number, number, number, number] = [x - w / 2, y - h / 2, w, h];
      const cell = overviewCells.get(row);
      if (cell !== undefined && overviewSheet) {
        put(context, overviewSheet, cell, info.overview!.columns, box);
        return true;
      }
      if (!order) return false;
      const place = order[row];
      const found = sheet(Math.floor(place / info.perSheet));
      if (!found.bitmap) return false;
      put(context, found.bitmap, place % info.perSheet, info.columns, box);
      return true;
    },
    async rgba(row) {
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext("2d", { willReadFrequently: true })!;
      const place = (order ?? (await orderReady()))[row];
      const found = sheet(Math.floor(place / info.perSheet));
      const bitmap = found.bitmap ?? (await found.wanted!);
      put(context, bitmap, place % info.perSheet, info.columns, [0, 0, width, height]);
      return context.getImageData(0, 0, width, height);
    },
  };
}

/** Resolves when the page says that its points are drawn. */
function afterFirstPoints(): Promise<void> {
  const root = document.documentElement;
  if (root.dataset.ready) return Promise.resolve();
  return new Promise((go) => {
    const watcher = new MutationObserver(() => {
      if (!root.dataset.ready) return;
      watcher.disconnect();
      go();
    });
    watcher.observe(root, { attributes: true, attributeFilter: ["data-ready"] });
  });
}
