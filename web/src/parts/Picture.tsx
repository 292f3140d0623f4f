/** One image of the space, drawn crisply, with its fog over it. */

import { useLayoutEffect, useRef } from "preact/hooks";
import "./picture.css";
import { drawFog, look } from "./fog.ts";

/** Draws RGBA bytes [H W 4] at `size` CSS pixels across the longer side.
 *
 * Small images are enlarged without smoothing: each of their pixels stays a square. With `fog`
 * (0..1) a veil and a hatch grow over it.
 */
export function Picture(props: {
  rgba: Uint8ClampedArray | null;
  width: number;
  height: number;
  size: number;
  fog?: number;
  label: string;
  /** Of the canvas with the pixels, which has their size. */
  id?: string;
}) {
  const { rgba, width, height, size, fog = 0, label, id } = props;
  const picture = useRef<HTMLCanvasElement>(null);
  const veil = useRef<HTMLCanvasElement>(null);
  const scale = size / Math.max(width, height);
  useLayoutEffect(() => {
    const context = picture.current?.getContext("2d");
    if (!context) return;
    if (rgba) context.putImageData(new ImageData(new Uint8ClampedArray(rgba), width, height), 0, 0);
    else context.clearRect(0, 0, width, height);
  }, [rgba, width, height]);
  useLayoutEffect(() => {
    const canvas = veil.current;
    const context = canvas?.getContext("2d");
    if (!canvas || !context) return;
    context.clearRect(0, 0, canvas.width, canvas.height);
    const small = size < 80;
    drawFog(context, canvas.width, canvas.height, rgba ? fog : 0, {
      line: look(canvas, "--ink", "#888"),
      veil: look(canvas, "--bg", "#888"),
      step: small ? 12 : 20,
      thick: small ? 1.2 : 1.6,
    });
  });
  const style = { width: `${width * scale}px`, height: `${height * scale}px` };
  const crisp = scale >= 1 ? "pixelated" : "auto";
  return (
    <span class="decoded-picture" style={style} role="img" aria-label={label}>
      <canvas ref={picture} id={id} width={width} height={height} style={{ ...style, imageRendering: crisp }} />
      <canvas ref={veil} class="decoded-fog" aria-hidden="true" width={width * scale * 2} height={height * scale * 2} style={style} />
    </span>
  );
}
