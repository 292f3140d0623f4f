import assert from "node:assert/strict";
import { test } from "node:test";
import { PageError } from "../src/contracts.ts";
import { isStale } from "../src/load/failing.ts";
import { isKept, remembering, untilChanged, withProgress, type Read } from "../src/load/resources.ts";

const MANIFEST = new TextEncoder().encode('{"fingerprint": "f1"}').buffer as ArrayBuffer;

/** A reader that counts what it is asked for, and fails where `failing` gives a status. */
function counted(failing: (name: string) => number = () => 0): { asked: string[]; read: Read } {
  const asked: string[] = [];
  const read: Read = async (name, version) => {
    asked.push(`${name}?${version}`);
    if (failing(name)) throw new PageError("no", failing(name));
    return name === "manifest" ? MANIFEST : new ArrayBuffer(8);
  };
  return { asked, read };
}

test("bytes are kept, of sheets of pictures only while they are on their way", async () => {
  const { asked, read } = counted();
  const resources = remembering(read, isKept);
  await resources.manifest();
  for (const name of ["z", "sheet-12", "sheet-pca.onnx"]) {
    const both = await Promise.all([resources.bytes(name), resources.bytes(name)]);
    assert.equal(both[0], both[1]);
    await resources.bytes(name);
  }
  assert.deepEqual(asked, ["manifest?", "z?f1", "sheet-12?f1", "sheet-12?f1", "sheet-pca.onnx?f1"]);
});

test("a file keeps sheets too, as it can give them once only", async () => {
  const { asked, read } = counted();
  const resources = remembering(read, () => true);
  await resources.bytes("sheet-0");
  await resources.bytes("sheet-0");
  assert.deepEqual(asked, ["sheet-0?"]);
});

test("after an answer of 409 nothing more is asked for", async () => {
  const { asked, read } = counted((name) => (name === "sheet-1" ? 409 : 0));
  const resources = remembering(untilChanged(read), isKept);
  const z = await resources.bytes("z");
  for (const name of ["sheet-1", "sheet-2", "map-pca"]) {
    await assert.rejects(resources.bytes(name), (error: PageError) => error.status === 409 && isStale(error.message));
  }
  assert.equal(await resources.bytes("z"), z);
  assert.deepEqual(asked, ["z?", "sheet-1?"]);
});

test("what was on its way when the space changed is not shown", async () => {
  let go = () => undefined as void;
  const read = untilChanged(async (name) => {
    if (name === "order") throw new PageError("no", 409);
    await new Promise<void>((done) => (go = done));
    return new ArrayBuffer(8);
  });
  const slow = read("sheet-0", "f1");
  await assert.rejects(read("order", "f1"));
  go();
  await assert.rejects(slow, /has changed on disk/);
});

test("another failure is asked for again", async () => {
  let status = 500;
  const { asked, read } = counted(() => status);
  const resources = remembering(untilChanged(read), isKept);
  await assert.rejects(resources.bytes("z"), /no/);
  status = 0;
  await resources.bytes("z");
  assert.equal(asked.length, 2);
});

test("progress counts unpacked bytes, though the length is that of the packed ones", async () => {
  const response = new Response(new Uint8Array(900), { headers: { "X-Size": "900", "Content-Length": "30" } });
  const told: [number, number][] = [];
  const bytes = await withProgress(response, (done, total) => told.push([done, total]));
  assert.equal(bytes.byteLength, 900);
  assert.ok(told.every(([, total]) => total === 900));
  assert.equal(told.at(-1)![0], 900);
});
