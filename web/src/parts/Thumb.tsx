/** The small picture of a row of the space. */

import { useLayoutEffect, useRef } from "preact/hooks";
import type { App } from "../contracts.ts";

/** Small originals are shown with their pixels, not blurred. */
const CRISP_FROM = 2;

function contextOf(canvas: HTMLCanvasElement, size: number): CanvasRenderingContext2D {
  const pixels = Math.round(size * Math.min(3, window.devicePixelRatio || 1));
  if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
  const context = canvas.getContext("2d")!;
  context.clearRect(0, 0, pixels, pixels);
  return context;
}

/** The picture of a row in a square of `size` CSS pixels; its id where there are no pictures.
 * `title`: what a screen reader says; without it the picture is decoration. */
export function Thumb(props: { app: App; row: number; size: number; title?: string }) {
  const { app, row, size, title } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const pictures = app.pictures;
    if (!pictures || !canvas.current || row < 0) return;
    let left = false;
    const paint = () => {
      if (left || !canvas.current) return true;
      const context = contextOf(canvas.current, size);
      const pixels = canvas.current.width;
      context.imageSmoothingEnabled = pixels < CRISP_FROM * Math.max(pictures.width, pictures.height);
      return pictures.draw(context, row, pixels / 2, pixels / 2, pixels);
    };
    // The page says by itself when pictures cannot be had; the square then stays empty.
    if (!paint()) pictures.rgba(row).then(paint, () => undefined);
    return () => {
      left = true;
    };
  }, [app, row, size]);
  if (!app.pictures) return <span class="row-thumb row-thumb-id">{app.columns.id(row)}</span>;
  return (
    <canvas
      ref={canvas}
      class="row-thumb"
      style={{ width: `${size}px`, height: `${size}px` }}
      role={title ? "img" : "presentation"}
      aria-label={title}
    />
  );
}
