import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { crc32, npy, npyIntegers, npyStrings, npzOfVectors, zip } from "../src/features/select/npz.ts";

const text = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);

test("the CRC-32 of the standard's check string is the standard's", () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  assert.equal(crc32(new Uint8Array(0)), 0);
});

test("an array has numpy's magic, a header that ends at a multiple of 64, and its bytes", () => {
  const file = npy("<f4", [2, 3], new Uint8Array(24).fill(7));
  assert.deepEqual([...file.subarray(0, 8)], [0x93, 78, 85, 77, 80, 89, 1, 0]);
  const length = file[8] + 256 * file[9];
  assert.equal((10 + length) % 64, 0);
  assert.equal(file[10 + length - 1], 10);
  const words = text(file.subarray(10, 10 + length)).trimEnd();
  assert.equal(words, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
  assert.equal(file.length, 10 + length + 24);
});

test("a single axis is written as a tuple of one", () => {
  assert.match(text(npyIntegers([1, 2, 3])), /'descr': '<i8', .*'shape': \(3,\)/);
});

test("negative whole numbers keep their sign in 64 bits", () => {
  const file = npyIntegers([-1]);
  assert.deepEqual([...file.subarray(-8)], Array(8).fill(255));
});

test("strings are as wide as the longest, counted in code points", () => {
  const file = npyStrings(["a", "가나", "😀"]);
  assert.match(text(file), /'descr': '<U2'/);
  const points = new Uint32Array(file.slice(-24).buffer);
  assert.deepEqual([...points], [97, 0, 0xac00, 0xb098, 0x1f600, 0]);
  assert.match(text(npyStrings([""])), /'<U1'/);
});

test("a zip of one file has the layout of the standard, byte by byte", () => {
  const data = new TextEncoder().encode("123456789");
  const file = zip([{ name: "a.txt", data }]);
  const view = new DataView(file.buffer);
  const at = (offset: number) => view.getUint32(offset, true);
  assert.equal(at(0), 0x04034b50);
  assert.equal(view.getUint16(8, true), 0, "stored");
  assert.equal(at(14), 0xcbf43926);
  assert.deepEqual([at(18), at(22)], [9, 9]);
  assert.equal(view.getUint16(26, true), 5);
  assert.equal(text(file.subarray(30, 44)), "a.txt123456789");
  assert.equal(at(44), 0x02014b50);
  assert.equal(at(44 + 16), 0xcbf43926);
  assert.equal(at(44 + 42), 0, "where the file starts");
  const end = 44 + 46 + 5;
  assert.equal(at(end), 0x06054b50);
  assert.deepEqual([view.getUint16(end + 8, true), view.getUint16(end + 10, true)], [1, 1]);
  assert.deepEqual([at(end + 12), at(end + 16)], [51, 44]);
  assert.equal(file.length, end + 22);
});

test("numpy reads what was written", () => {
  const folder = mkdtempSync(join(tmpdir(), "latlas-npz-"));
  try {
    const path = join(folder, "a.npz");
    const z = Float32Array.of(1.5, -2, 3e-8, 4, 5, 6);
    writeFileSync(path, npzOfVectors(z, 3, [7, 123456], ["seven", ""], ["train", "test"]));
    const code =
      "import json, numpy as np, sys\n" +
      "a = np.load(sys.argv[1], allow_pickle=False)\n" +
      "print(json.dumps([a['z'].tolist(), str(a['z'].dtype), a['id'].tolist(), str(a['id'].dtype)," +
      " a['label'].tolist(), a['split'].tolist()]))";
    const python = process.env.LATLAS_PYTHON ?? join(process.cwd(), "..", ".venv", "bin", "python");
    const [values, type, ids, idType, labels, splits] = JSON.parse(
      execFileSync(python, ["-c", code, path], { encoding: "utf8" }),
    );
    assert.deepEqual(values, [[...z.subarray(0, 3)], [...z.subarray(3)]]);
    assert.deepEqual([type, idType], ["float32", "int64"]);
    assert.deepEqual([ids, labels, splits], [[7, 123456], ["seven", ""], ["train", "test"]]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
