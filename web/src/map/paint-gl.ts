/** Points in WebGL 1. */

import { fitCanvas, drawnRanges } from "./painter.ts";
import type { Frame, Painter } from "./painter.ts";
import type { DrawOrder } from "./order.ts";
import { PALETTE_SIZE } from "./palette.ts";
import { makeProgram, NOWHERE } from "./program.ts";
import type { Program } from "./program.ts";

interface Buffers {
  to: WebGLBuffer;
  from: WebGLBuffer;
  colour: WebGLBuffer;
  order: WebGLBuffer;
  palette: WebGLTexture;
}

/** Paints with WebGL, or is null where there is none that will do.
 * `changed`: called when the graphics card lost everything and stands again; `lost`: when it is
 * lost and does not come back.
 */
export function makeGlPainter(changed: () => void, lost: () => void): Painter | null {
  const canvas = document.createElement("canvas");
  const gl = canvas.getContext("webgl", {
    alpha: true,
    antialias: false,
    depth: false,
    stencil: false,
    premultipliedAlpha: true,
    powerPreference: "high-performance",
  });
  if (!gl || !gl.getExtension("OES_element_index_uint")) return null;
  if (gl.getParameter(gl.MAX_VERTEX_TEXTURE_IMAGE_UNITS) < 1) return null;
  try {
    return new GlPainter(canvas, gl, changed, lost);
  } catch {
    // A driver that cannot compile a dozen lines is as good as none: the plain canvas does it.
    return null;
  }
}

class GlPainter implements Painter {
  private program: Program;
  private buffers: Buffers;
  private largest: number;
  private places: Float32Array = new Float32Array(0);
  private from: Float32Array | null = null;
  private index: Uint16Array = new Uint16Array(0);
  private order: DrawOrder = { rows: new Uint32Array(0), context: 0 };
  private palette: Uint8Array | null = null;
  /** What lies in the buffer `to`, to tell when it can become `from` as it is. */
  private uploaded: Float32Array | null = null;
  private waiting = 0;
  private readonly listeners = new AbortController();

  constructor(
    readonly canvas: HTMLCanvasElement,
    private readonly gl: WebGLRenderingContext,
    private readonly changed: () => void,
    private readonly lost: () => void,
  ) {
    this.program = makeProgram(gl);
    this.buffers = this.makeBuffers();
    this.largest = gl.getParameter(gl.ALIASED_POINT_SIZE_RANGE)[1];
    const { signal } = this.listeners;
    canvas.addEventListener("webglcontextlost", (event) => this.onLost(event), { signal });
    canvas.addEventListener("webglcontextrestored", () => this.onRestored(), { signal });
  }

  private makeBuffers(): Buffers {
    const { gl } = this;
    const palette = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, palette);
    for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) {
      gl.texParameteri(gl.TEXTURE_2D, name, gl.NEAREST);
    }
    for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) {
      gl.texParameteri(gl.TEXTURE_2D, name, gl.CLAMP_TO_EDGE);
    }
    return {
      to: gl.createBuffer(),
      from: gl.createBuffer(),
      colour: gl.createBuffer(),
      order: gl.createBuffer(),
      palette,
    };
  }

  private onLost(event: Event): void {
    // Without this the browser never gives the context back.
    event.preventDefault();
    this.waiting = window.setTimeout(() => this.lost(), 4000);
  }

  private onRestored(): void {
    window.clearTimeout(this.waiting);
    // Extensions go with the context and have to be asked for again.
    this.gl.getExtension("OES_element_index_uint");
    this.program = makeProgram(this.gl);
    this.buffers = this.makeBuffers();
    this.uploaded = null;
    this.setPlaces(this.places, this.from);
    this.setColours(this.index, this.order);
    if (this.palette) this.setPalette(this.palette);
    this.changed();
  }

  setPlaces(places: Float32Array, from: Float32Array | null): void {
    const { buffers } = this;
    if (from && from === this.uploaded && from !== places) {
      // The layout that is left behind is on the card already.
      [buffers.to, buffers.from] = [buffers.from, buffers.to];
    } else if (from) {
      this.upload(buffers.from, from);
    }
    this.upload(buffers.to, places);
    this.uploaded = places;
    this.places = places;
    this.from = from;
  }

  land(): void {
    this.from = null;
  }

  private upload(buffer: WebGLBuffer, places: Float32Array): void {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, withoutNaN(places), gl.STATIC_DRAW);
  }

  setColours(index: Uint16Array, order: DrawOrder): void {
    const { gl, buffers } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers.colour);
    gl.bufferData(gl.ARRAY_BUFFER, index, gl.STATIC_DRAW);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffers.order);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, order.rows, gl.STATIC_DRAW);
    this.index = index;
    this.order = order;
  }

  setPalette(bytes: Uint8Array): void {
    const { gl } = this;
    const [width, height] = PALETTE_SIZE;
    this.palette = bytes;
    gl.bindTexture(gl.TEXTURE_2D, this.buffers.palette);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
  }

  paint(frame: Frame): void {
    const { gl, program } = this;
    if (gl.isContextLost()) return;
    fitCanvas(this.canvas, frame.size, frame.ratio);
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (this.order.rows.length === 0 || !this.palette) return;
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.useProgram(program.program);
    this.bind();
    this.setFrame(frame);
    const [context, rest] = drawnRanges(this.order, frame.share);
    this.draw(context, frame.look.contextRadius * frame.ratio, frame.look.contextOpacity);
    this.draw(rest, frame.look.radius * frame.ratio, frame.look.opacity);
  }

  wait(): void {
    const { gl } = this;
    // Reading a pixel is the one way in WebGL 1 to wait for the card.
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  }

  private bind(): void {
    const { gl, program, buffers } = this;
    const attribute = (at: number, buffer: WebGLBuffer, size: number, type: number) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, size, type, false, 0, 0);
    };
    attribute(program.to, buffers.to, 2, gl.FLOAT);
    attribute(program.from, this.from ? buffers.from : buffers.to, 2, gl.FLOAT);
    attribute(program.colour, buffers.colour, 1, gl.UNSIGNED_SHORT);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffers.order);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, buffers.palette);
    gl.uniform1i(program.at.u_palette, 0);
  }

  private setFrame({ view, flight, size, ratio }: Frame): void {
    const { gl, program } = this;
    const from = flight?.from ?? view;
    gl.uniform3f(program.at.u_view, view.x, view.y, view.scale * ratio);
    gl.uniform3f(program.at.u_from, from.x, from.y, from.scale * ratio);
    gl.uniform2f(program.at.u_half, (size.width * ratio) / 2, (size.height * ratio) / 2);
    gl.uniform1f(program.at.u_mix, flight?.share ?? 1);
    gl.uniform1f(program.at.u_largest, this.largest);
  }

  private draw([from, to]: [number, number], radius: number, opacity: number): void {
    const { gl, program } = this;
    if (to <= from) return;
    gl.uniform1f(program.at.u_radius, Math.min(radius, this.largest / 2 - 1));
    gl.uniform1f(program.at.u_opacity, opacity);
    gl.drawElements(gl.POINTS, to - from, gl.UNSIGNED_INT, 4 * from);
  }

  destroy(): void {
    const { gl, buffers } = this;
    window.clearTimeout(this.waiting);
    this.listeners.abort();
    for (const buffer of [buffers.to, buffers.from, buffers.colour, buffers.order]) {
      gl.deleteBuffer(buffer);
    }
    gl.deleteTexture(buffers.palette);
    gl.deleteProgram(this.program.program);
    gl.getExtension("WEBGL_lose_context")?.loseContext();
    this.canvas.remove();
  }
}

/** Places with a number instead of NaN; copied only where there is a NaN. */
function withoutNaN(places: Float32Array): Float32Array {
  let copy: Float32Array | null = null;
  for (let i = 0; i < places.length; i += 2) {
    if (places[i] - places[i] === 0 && places[i + 1] - places[i + 1] === 0) continue;
    copy ??= places.slice();
    copy[i] = NOWHERE;
    copy[i + 1] = NOWHERE;
  }
  return copy ?? places;
}
