/** The latents of rows that the page does not carry, from the server. */

import { PageError, type Columns, type Server } from "../contracts.ts";
import { failure } from "./failing.ts";

const BATCH = 1024;
const TOGETHER = 4;
const MISSING = 404;

/** Asks a server for latents, many rows in one call. */
export class RemoteLatents {
  /** Servers of before have no route for many. */
  private oneByOne = false;

  constructor(
    private readonly server: Pick<Server, "get" | "send">,
    private readonly columns: Pick<Columns, "id">,
    private readonly dim: number,
  ) {}

  /** Latents float32 [n D] of n rows, in their order.
   * @throws PageError in words when the server does not give them. */
  async of(rows: ArrayLike<number>): Promise<Float32Array> {
    const ids = Array.from(rows, (row) => this.columns.id(row));
    const z = new Float32Array(ids.length * this.dim);
    // Batch after batch, so that a large selection leaves the server time for others.
    for (let start = 0; start < ids.length; start += BATCH) {
      z.set(await this.batch(ids.slice(start, start + BATCH)), start * this.dim);
    }
    return z;
  }

  private async batch(ids: number[]): Promise<Float32Array> {
    if (this.oneByOne) return this.each(ids);
    let bytes: ArrayBuffer;
    try {
      bytes = await this.server.send<ArrayBuffer>("POST", "/latents", { ids });
    } catch (error) {
      if (!(error instanceof PageError) || error.status !== MISSING) throw error;
      const z = await this.each(ids);
      this.oneByOne = true;
      return z;
    }
    const wanted = 4 * ids.length * this.dim;
    if (bytes.byteLength !== wanted) {
      throw failure("fail.latents.bytes", { bytes: bytes.byteLength, wanted });
    }
    return new Float32Array(bytes);
  }

  private async each(ids: number[]): Promise<Float32Array> {
    const z = new Float32Array(ids.length * this.dim);
    let next = 0;
    const serve = async () => {
      while (next < ids.length) {
        const at = next++;
        z.set((await this.server.get<{ z: number[] }>(`/rows/${ids[at]}`)).z, at * this.dim);
      }
    };
    await Promise.all(Array.from({ length: TOGETHER }, serve));
    return z;
  }
}
