import assert from "node:assert/strict";
import { test } from "node:test";
import { dimensionsOf } from "../src/features/draw/header.ts";

// Files as Pillow writes them, 37 x 21 pixels each.
const FILES = {
  png: "iVBORw0KGgoAAAANSUhEUgAAACUAAAAVCAAAAADkj3hyAAAAFklEQVR42mOMYiACMDGMqhpVNfJUAQBc1QCE8WppiQAAAABJRU5ErkJggg==",
  jpeg: "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDACgcHiMeGSgjISMtKygwPGRBPDc3PHtYXUlkkYCZlo+AjIqgtObDoKrarYqMyP/L2u71////m8H////6/+b9//j/wAALCAAVACUBAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAAT/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAA/AJwAAAAf/9k=",
  jpegProgressiveWithExif: "/9j/4AAQSkZJRgABAQAAAQABAAD/4QAqRXhpZgAATU0AKgAAAAgAAQEOAAIAAAAHAAAAGgAAAABhIG5vdGUAAP/bAEMAKBweIx4ZKCMhIy0rKDA8ZEE8Nzc8e1hdSWSRgJmWj4CMiqC05sOgqtqtiozI/8va7vX///+bwf////r/5v3/+P/CAAsIABUAJQEBEQD/xAAVAAEBAAAAAAAAAAAAAAAAAAAAA//aAAgBAQAAAAGYAB//xAAUEAEAAAAAAAAAAAAAAAAAAAAw/9oACAEBAAEFAn//xAAUEAEAAAAAAAAAAAAAAAAAAAAw/9oACAEBAAY/An//xAAUEAEAAAAAAAAAAAAAAAAAAAAw/9oACAEBAAE/IX//2gAIAQEAAAAQAAH/xAAUEAEAAAAAAAAAAAAAAAAAAAAw/9oACAEBAAE/EH//2Q==",
  gif: "R0lGODdhJQAVAIEAAFpaWgAAAAAAAAAAACwAAAAAJQAVAEAILwABCBxIsKDBgwgTKlzIsKHDhxAjSpxIsaLFixgzatzIsaPHjyBDihxJsqRJkgEBADs=",
  gifWithComment: "R0lGODlhJQAVAIEAAAAAAP///wAAAAAAACH+KGEgbm90ZSwgc28gdGhhdCBhbiBleHRlbnNpb24gY29tZXMgZmlyc3QALAAAAAAlABUAQAiDAAEEACCQ4MCCCA8qNMgwYcOFDiEOlIiwosOLFBdSxPiwI8ePGQmKLBiSo0aSDVGevIgSpMeNJSeqnCmzZkuXJjvCXAnxpsyWB0fCfBkxZVCiOIcmRaq0KdOnQX9GFTnVKFWgT7Fq5anzJsuPXUlKxXrS5lKLRzWOXcp1rUuzKYtODAgAOw==",
  webpLossy: "UklGRkIAAABXRUJQVlA4IDYAAAAQAwCdASolABUAP3G202G0ryqmJWgCkC4JZwAAKUMRiAAA/m8f+qqevxu/8jsIbsEADhhAAAA=",
  webpLossless: "UklGRh4AAABXRUJQVlA4TBEAAAAvJAAFAAdQrSLXo/+BiOh/AAA=",
  webpExtended: "UklGRmYAAABXRUJQVlA4WAoAAAAQAAAAJAAAFAAAQUxQSAoAAAABB1DAiAhERP8DVlA4IDYAAAAQAwCdASolABUAP3G202G0ryqmJWgCkC4JZwAAKUMRiAAA/m8f+qqevxu/8jsIbsEADhhAAAA=",
};

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

for (const [kind, text] of Object.entries(FILES)) {
  test(`the size of a file is read from its first bytes: ${kind}`, () => {
    assert.deepEqual(dimensionsOf(bytesOf(text).buffer), { width: 37, height: 21 });
  });

  test(`a file that is cut off is none, and none goes on for ever: ${kind}`, () => {
    const bytes = bytesOf(text);
    for (let length = 0; length < bytes.length; length++) {
      const found = dimensionsOf(bytes.slice(0, length).buffer);
      if (found) assert.deepEqual(found, { width: 37, height: 21 });
    }
  });
}

test("a first frame that is larger than the screen of its GIF counts", () => {
  const bytes = bytesOf(FILES.gif);
  bytes.set([1, 0, 1, 0], 6);
  assert.deepEqual(dimensionsOf(bytes.buffer), { width: 37, height: 21 });
});

test("a size that takes more than two bytes is read in full", () => {
  const png = bytesOf(FILES.png);
  png.set([0, 1, 0, 0, 0, 2, 0, 0], 16);
  assert.deepEqual(dimensionsOf(png.buffer), { width: 65536, height: 131072 });
  const webp = bytesOf(FILES.webpExtended);
  webp.set([0xff, 0xff, 0xff, 0, 0, 1], 24);
  assert.deepEqual(dimensionsOf(webp.buffer), { width: 2 ** 24, height: 65537 });
});

test("other files say nothing", () => {
  for (const text of ["", "BM", "no picture at all", "RIFF____WAVE", "\xff\xd8\xff\xda", "\xff\xd8\x00\x00\x00\x00"]) {
    assert.equal(dimensionsOf(Uint8Array.from(text, (letter) => letter.charCodeAt(0)).buffer), null, text);
  }
});
