import assert from "node:assert/strict";
import { test } from "node:test";
import { unpackLzma } from "../src/load/lzma.ts";
import { unpackText } from "../src/load/packed.ts";

// Python: lzma.compress(b"".join(b"%d " % (i * i % 97) for i in range(400)) + bytes(300),
// lzma.FORMAT_ALONE, filters=[{"id": lzma.FILTER_LZMA1, "preset": 6, "lc": LC, "lp": LP, "pb": PB}])
// with its size in the header, as base64.
const FILES = {
  "lc 4, lp 0, pb 0":
    "BAAAgACbBQAAAAAAAAAYCEK2870lj4jSVRJmMZAVxLoZYbcOzsSQQF53l9ZUydsAEerqlImYj8AShfI3pdNC110j4Y/2DS6sf/CMBoPjQORhlSSwXHkZDhS0njXXafWJtGKJTgM8saiQFVW5rpFgydY0AosizzNmu8a34a9UtDNO29xNbBgKCh/yWOCPaqcQQbqUgPnVvv/zpIdmJbQd7baNOwc3hnERvsJCnssyPv8HopIIYeHsSOcCeMB21dJ9CNsNA5cbuKfHrFcma+40/7NIoUA=",
  "lc 3, lp 0, pb 2":
    "XQAAgACbBQAAAAAAAAAYCAKGSS5oDibOK/GSYvkQumIwtlhN6l+sSDM7oGyAKXDNmUB6vYxnAqlrz7FiEzs9Il4ZqPJZQZEwJBek/IZyB903haENEoHJqmaebPG4C5Jl3BnGkP6HCB/9EmfSG+lvT6p2GVVMw+Ozx53VuV/0b/W9WRCi5RBpyhd/8PMJQ25SYxvS5n3R2aMSt5Qr2B4Zdcy6e1k4P22AaxdUcL7IlGQ/+84YKMcK8YWLJyv1d+sMvwPt4XFYE+lz/8/FG3Y=",
  "lc 0, lp 2, pb 1":
    "PwAAgACbBQAAAAAAAAAYCAJTIm9ksHNM4IEeJ7ufFch92u/AkR+azXWXu0/6MVmoFMOgVdV2jJ85Kv89wJcD7mYgIuGQUE7BplKLga+Nk+YNhyhUuhxqv4bwNu6P2zCjpJI0y/qlE1r+1dBqCiG1vJZCwQvBDO8LoIAXIK7dAsoIvi1lW5RuNNKDXsHd54TeIdzEYTVFVg1DIqScWcGcAP9MScgbTp0GXv1EHdIMNq9dPvYpenQyH0kF4EVVVH8o25ZvnGt5NroAqPzFfOaDQ5O8O8fGxx//bEg7AA==",
};

function expected(): Uint8Array {
  const numbers = Array.from({ length: 400 }, (_, i) => `${(i * i) % 97} `).join("");
  return Uint8Array.from([...new TextEncoder().encode(numbers), ...new Uint8Array(300)]);
}

for (const [name, text] of Object.entries(FILES)) {
  test(`what Python packed with ${name} comes out as it was`, async () => {
    const out = await unpackLzma(new Uint8Array(Buffer.from(text, "base64")));
    assert.deepEqual(out, expected());
  });
}

test("a file that was cut short is refused and not read for ever", async () => {
  const whole = new Uint8Array(Buffer.from(FILES["lc 3, lp 0, pb 2"], "base64"));
  await assert.rejects(unpackLzma(whole.slice(0, 60)), /damaged/);
  await assert.rejects(unpackLzma(whole.slice(0, 9)), /damaged/);
});

test("a byte that was changed is noticed, or the bytes differ", async () => {
  const changed = new Uint8Array(Buffer.from(FILES["lc 4, lp 0, pb 0"], "base64"));
  changed[40] ^= 0x55;
  const out = await unpackLzma(changed).catch(() => null);
  assert.notDeepEqual(out, expected());
});

test("every byte comes through as a character of windows-1252, five of them escaped", () => {
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const written = [...all].flatMap((byte) => ([61, 0, 10, 13, 60].includes(byte) ? [61, byte + 64] : [byte]));
  const text = new TextDecoder("windows-1252").decode(Uint8Array.from(written));
  assert.deepEqual(unpackText(text), all);
});

test("text that was read as UTF-8 is recognised", () => {
  const text = new TextDecoder("utf-8").decode(Uint8Array.of(0x1f, 0x8b, 0xff));
  assert.equal(unpackText(text), null);
});
