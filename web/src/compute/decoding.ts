/** Images out of latents, and latents out of images: in the page where its nets are quick enough,
 * else on the server. */

import { signal, type ReadonlySignal } from "@preact/signals";
import { type Decoder, type GraphInfo, type Manifest, type Resources, wordsOf } from "../contracts.ts";
import { failure } from "../load/failing.ts";
import { groupsOf, inUnit, picked, type Group } from "./groups.ts";
import { Lanes } from "./lanes.ts";
import type { Call, Link } from "./link.ts";
import type { Remote } from "./remote.ts";

/** A decode that takes more milliseconds than this is left to the server. */
export const SLOW = 30;
/** Nets with more bytes are left to the server. */
const MOST_BYTES = 64 * 2 ** 20;
/** Milliseconds that one piece of work may take while a cursor waits. */
const PIECE = 10;
/** Latents in one piece, at most. */
const MOST_TOGETHER = 64;
const SHEET_TOGETHER = 4096;

/** Where images are drawn, for the page to say; "failed" and "server" with the reason. */
export interface Drawing {
  state: "waiting" | "loading" | "page" | "server" | "failed";
  /** Milliseconds of one decode in the page, NaN before it is known. */
  milliseconds: number;
  why: string;
}

/** What a decoder needs to know. */
export interface DecoderParts {
  resources: Resources;
  manifest: Manifest;
  link: Link;
  /** The bytes of ort.wasm. */
  runtime(): Promise<ArrayBuffer>;
  remote: Remote | null;
}

/** The nets of a space. */
export class PageDecoder implements Decoder {
  readonly drawing: ReadonlySignal<Drawing>;
  private readonly state = signal<Drawing>({ state: "waiting", milliseconds: NaN, why: "" });
  private readonly lanes = new Lanes();
  private readonly far = new Lanes();
  private settled: Promise<"page" | "server"> | null = null;
  /** Milliseconds of one image, by the latest decodes. */
  private pace = PIECE;

  constructor(private readonly parts: DecoderParts) {
    this.drawing = this.state;
  }

  get where(): "page" | "server" {
    return this.state.value.state === "server" ? "server" : "page";
  }

  /** Loads the net and finds out where to draw; done once, and again after a failure. */
  settle(): Promise<"page" | "server"> {
    this.settled ??= this.choose().catch((error: unknown) => {
      this.settled = null;
      throw error;
    });
    return this.settled;
  }

  async decode(
    z: Float32Array,
    labels: ArrayLike<number> | null = null,
    lane?: string,
  ): Promise<Uint8ClampedArray | null> {
    const { latentDim: dim, shape, owners } = this.parts.manifest;
    const n = countOf(z, dim, "fail.latents.numbers");
    const size = shape[0] * shape[1] * 4;
    if (n === 0) return new Uint8ClampedArray(0);
    const where = await this.settle();
    const images = new Uint8ClampedArray(n * size);
    const most =
      where === "server"
        ? MOST_TOGETHER
        : Math.max(1, Math.min(MOST_TOGETHER, Math.floor(PIECE / this.pace)));
    const pieces = groupsOf(n, labels, owners, most).map((group) => async () => {
      const own = picked(z, group.rows, dim);
      const told = labels && group.rows.map((row) => labels[row]);
      const drawn =
        where === "server" ? await this.parts.remote!.decode(own, told) : await this.draw(group, own, told);
      group.rows.forEach((row, i) => images.set(drawn.subarray(i * size, i * size + size), row * size));
    });
    return (where === "server" ? this.far : this.lanes).ask({ pieces, result: () => images }, lane);
  }

  async sheet(map: string, xy: Float32Array, lane?: string): Promise<Float32Array | null> {
    const { sheets, maps, latentDim: dim } = this.parts.manifest;
    const [info, frame] = [sheets[map], maps.find((each) => each.name === map)];
    if (!info || !frame)
      throw failure("fail.sheet", { map });
    const n = countOf(xy, 2, "fail.places");
    const z = new Float32Array(n * dim);
    const pieces = groupsOf(n, null, [], SHEET_TOGETHER).map((group) => async () => {
      const unit = inUnit(picked(xy, group.rows, 2), frame.low, frame.high);
      const own = await this.parts.link.use(async (call) => {
        await this.open(call, info);
        return call("sheet", info.resource, unit);
      });
      z.set(own, group.rows[0] * dim);
    });
    // Lanes of its own: a picture of an older place must not overtake the way to a newer one.
    return this.lanes.ask({ pieces, result: () => z }, lane && `sheet ${lane}`);
  }

  async encode(pixels: Float32Array, labels: ArrayLike<number> | null = null): Promise<Float32Array> {
    const { shape, latentDim: dim, owners, encoders } = this.parts.manifest;
    const size = shape[0] * shape[1] * shape[2];
    const n = countOf(pixels, size, "fail.images");
    const z = new Float32Array(n * dim);
    const far = this.parts.remote && (!encoders.length || encoders.some((net) => net.bytes > MOST_BYTES));
    if (!far && !encoders.length)
      throw failure("fail.encoder");
    const pieces = groupsOf(n, labels, owners, far ? 1 : MOST_TOGETHER).map((group) => async () => {
      const own = picked(pixels, group.rows, size);
      const told = labels && group.rows.map((row) => labels[row]);
      const code = far
        ? await this.parts.remote!.encode(own, told ? told[0] : -1)
        : await this.code(group, own, told);
      group.rows.forEach((row, i) => z.set(code.subarray(i * dim, i * dim + dim), row * dim));
    });
    await this.lanes.ask({ pieces, result: () => z });
    return z;
  }

  private async choose(): Promise<"page" | "server"> {
    const { manifest, remote, link } = this.parts;
    const net = manifest.decoders[0];
    if (remote && net.bytes > MOST_BYTES)
      return this.chosen("server", NaN, "its net is too large for a page");
    this.state.value = { state: "loading", milliseconds: NaN, why: "" };
    try {
      const milliseconds = await link.use(async (call) => {
        await this.open(call, net);
        return call("timeDecode", net.resource, 1, manifest.latentDim, this.told(net));
      });
      this.pace = Math.max(milliseconds, 0.05);
      if (remote && milliseconds > SLOW)
        return this.chosen("server", milliseconds, "its net is slow in a page");
      return this.chosen("page", milliseconds, "");
    } catch (error) {
      const why = wordsOf(error);
      if (remote) return this.chosen("server", NaN, why);
      this.state.value = { state: "failed", milliseconds: NaN, why };
      throw error;
    }
  }

  private chosen(state: "page" | "server", milliseconds: number, why: string): "page" | "server" {
    this.state.value = { state, milliseconds, why };
    return state;
  }

  private async draw(group: Group, z: Float32Array, told: number[] | null): Promise<Uint8ClampedArray> {
    const { link, manifest } = this.parts;
    const net = manifest.decoders[group.net];
    const start = performance.now();
    const drawn = await link.use(async (call) => {
      await this.open(call, net);
      return call(
        "decode",
        net.resource,
        z,
        group.rows.length,
        this.labels(net, told, group),
        this.told(net),
      );
    });
    this.pace += 0.2 * ((performance.now() - start) / group.rows.length - this.pace);
    return drawn;
  }

  private code(group: Group, pixels: Float32Array, told: number[] | null): Promise<Float32Array> {
    const { link, manifest } = this.parts;
    const net = manifest.encoders[group.net];
    return link.use(async (call) => {
      await this.open(call, net);
      const labels = this.labels(net, told, group);
      return call("encode", net.resource, pixels, manifest.shape, labels, this.told(net));
    });
  }

  /** Has the runtime and a net ready in the worker. */
  private async open(call: Call, net: GraphInfo): Promise<void> {
    const { link, resources, runtime } = this.parts;
    await Promise.all([
      link.need("runtime", async () => call("startRuntime", await runtime())),
      resources.bytes(net.resource),
    ]);
    await link.need(net.resource, async () =>
      call("openNet", net.resource, await resources.bytes(net.resource)),
    );
  }

  /** How many labels a net is told of, 0 for none. */
  private told(net: GraphInfo): number {
    return net.told ? this.parts.manifest.classes.length : 0;
  }

  private labels(net: GraphInfo, told: number[] | null, group: Group): Int16Array | null {
    return net.told ? Int16Array.from(told ?? group.rows.map(() => -1)) : null;
  }
}

function countOf(values: Float32Array, width: number, unlike: string): number {
  const n = values.length / width;
  if (Number.isInteger(n)) return n;
  throw failure(unlike, { count: values.length, width });
}
