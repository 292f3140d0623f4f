/** A picture with a line under it. */

import { useEffect, useRef } from "preact/hooks";

const CRISP = 64;

/** RGBA on a canvas of `side` CSS pixels; small images keep their pixels sharp. */
export function Drawn({ image, label, side = 72 }: { image: ImageData | null; label?: string; side?: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (!canvas.current || !image) return;
    canvas.current.width = image.width;
    canvas.current.height = image.height;
    canvas.current.getContext("2d")!.putImageData(image, 0, 0);
  }, [image]);
  const ratio = image ? image.height / image.width : 1;
  return (
    <figure class="tour-drawn">
      <canvas
        ref={canvas}
        class={image && image.width <= CRISP ? "crisp" : ""}
        style={{ width: `${side / Math.max(ratio, 1)}px`, height: `${side * Math.min(ratio, 1)}px` }}
        width={1}
        height={1}
        aria-label={label}
        role="img"
      />
      {label && <figcaption class="muted small">{label}</figcaption>}
    </figure>
  );
}
