/** The resources of an exported page: they lie in the page itself, in elements of their own. */

import type { PageError } from "../contracts.ts";
import { failure } from "./failing.ts";
import { unpackLzma } from "./lzma.ts";
import { unpackText } from "./packed.ts";

const KIND = 'script[type="application/x-latlas"]';

let again: Promise<Document> | null = null;

/** Whether the page is an exported file that carries everything. */
export function inOneFile(): boolean {
  return find(document, "manifest") !== null;
}

/** The bytes of a resource of this file. Its text is dropped, so it can be asked for once.
 * @throws PageError in words when the file does not carry it, or has been changed on its way. */
export async function fileBytes(name: string): Promise<ArrayBuffer> {
  const element = find(document, name);
  if (!element) throw failure("fail.resource", { name });
  let packed = unpackText(element.textContent);
  // The text is no longer needed, and it is large.
  element.textContent = "";
  packed ??= unpackText(find(await asWritten(), name)?.textContent ?? "");
  if (!packed) throw damaged();
  try {
    if (element.getAttribute("data-packing") === "lzma") return (await unpackLzma(packed)).buffer;
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return await new Response(stream).arrayBuffer();
  } catch {
    throw damaged();
  }
}

function find(page: Document, name: string): Element | null {
  return page.querySelector(`${KIND}[data-name="${CSS.escape(name)}"]`);
}

/** This page read byte by byte. Some hosts say of every page that it is UTF-8, and browsers believe
 * them more than the page, which knows better. */
function asWritten(): Promise<Document> {
  again ??= fetch(location.href.replace(/#.*$/, ""))
    .then((response) => response.arrayBuffer())
    .then((bytes) => {
      const text = new TextDecoder("windows-1252").decode(bytes);
      return new DOMParser().parseFromString(text, "text/html");
    })
    .catch(() => {
      throw damaged();
    });
  return again;
}

function damaged(): PageError {
  return failure("fail.damaged");
}
