/** The latents of rows that the page does not carry, from the server. */

import type { Columns, Server } from "../contracts.ts";
import { failure } from "./failing.ts";

const BATCH = 1024;

/** Asks a server for latents, many rows in one call. */
export class RemoteLatents {
  constructor(
    private readonly server: Pick<Server, "send">,
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
    const bytes = await this.server.send<ArrayBuffer>("POST", "/latents", { ids });
    const wanted = 4 * ids.length * this.dim;
    if (bytes.byteLength !== wanted) {
      throw failure("fail.latents.bytes", { bytes: bytes.byteLength, wanted });
    }
    return new Float32Array(bytes);
  }
}
