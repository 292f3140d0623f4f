import assert from "node:assert/strict";
import { test } from "node:test";
import { PageError } from "../src/contracts.ts";
import { RemoteLatents } from "../src/load/latents.ts";

const DIM = 2;
const columns = { id: (row: number) => 1000 + row };
const latentOf = (id: number) => [id, -id];

function server(status = 0) {
  const calls: string[] = [];
  return {
    calls,
    async send<T>(method: string, path: string, body: unknown): Promise<T> {
      const { ids } = body as { ids: number[] };
      calls.push(`${method} ${path} ${ids.length}`);
      if (status) throw new PageError("no", status);
      return Float32Array.from(ids.flatMap(latentOf)).buffer as T;
    },
  };
}

test("many rows are asked for in few calls, in their order", async () => {
  const there = server();
  const rows = Uint32Array.from({ length: 2500 }, (_, i) => (i * 7) % 2500);
  const z = await new RemoteLatents(there, columns, DIM).of(rows);
  assert.deepEqual(z, Float32Array.from([...rows].flatMap((row) => latentOf(1000 + row))));
  assert.deepEqual(there.calls, ["POST /latents 1024", "POST /latents 1024", "POST /latents 452"]);
});

test("a failure is told", async () => {
  await assert.rejects(new RemoteLatents(server(503), columns, DIM).of([1]), /no/);
});
