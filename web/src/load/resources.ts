/** Where the page's bytes come from: the file that it is in, or the server that sent it. */

import { PageError, type Manifest, type Resources } from "../contracts.ts";
import { failure, said } from "./failing.ts";
import { fileBytes, inOneFile } from "./file.ts";

export { inOneFile } from "./file.ts";

/** The address of something on the page's own server, whatever folder it is served from. */
export function address(path: string): string {
  return new URL(path.replace(/^\//, ""), document.baseURI.replace(/[#?].*$/, "")).href;
}

let tell: () => void = () => undefined;
let warn: () => void = () => undefined;

const CONFLICT = 409;

/** Whom to tell when the server did not answer for a resource. */
export function onOutage(listener: () => void): void {
  tell = listener;
}

/** Whom to tell when the server has another space by now than the page was made from. */
export function onChange(listener: () => void): void {
  warn = listener;
}

/** Says that the page itself had the space changed. */
export function announceChange(): void {
  warn();
}

/** The resources of this page. */
export function openResources(): Resources {
  // A file gives each of its parts away once; a server gives sheets again, from the browser's cache.
  return inOneFile() ? remembering(fileBytes, () => true) : remembering(untilChanged(serverBytes), isKept);
}

/** Whether the bytes of a resource stay in memory: of sheets of pictures only what was cut from
 * them does, and that is bounded. */
export function isKept(name: string): boolean {
  return !/^sheet-\d+$/.test(name);
}

/** After one answer that the space has changed nothing more is asked for: bytes of two spaces
 * would be shown as one. */
export function untilChanged(read: Read): Read {
  let changed = false;
  const stale = () => failure("fail.stale", {}, CONFLICT);
  return async (...asked) => {
    if (changed) throw stale();
    try {
      const bytes = await read(...asked);
      if (changed && asked[0] !== "manifest") throw stale();
      return bytes;
    } catch (error) {
      if (!(error instanceof PageError) || error.status !== CONFLICT) throw error;
      changed = true;
      warn();
      throw stale();
    }
  };
}

/** Reads the bytes of a resource; `version` is the fingerprint of the manifest. */
export type Read = (
  name: string,
  version: string,
  onProgress?: (done: number, total: number) => void,
) => Promise<ArrayBuffer>;

/** Resources that are read once, and kept where `keep` says so. */
export function remembering(read: Read, keep: (name: string) => boolean): Resources {
  const kept = new Map<string, Promise<ArrayBuffer>>();
  let manifest: Promise<Manifest> | null = null;
  let version = "";
  return {
    manifest() {
      manifest ??= read("manifest", "").then((bytes) => {
        const value = JSON.parse(new TextDecoder().decode(bytes)) as Manifest;
        version = value.fingerprint;
        return value;
      });
      return manifest;
    },
    bytes(name, onProgress) {
      let wanted = kept.get(name);
      if (!wanted) {
        wanted = read(name, version, onProgress);
        kept.set(name, wanted);
        // What failed may be there on the next try.
        wanted.then(
          () => keep(name) || kept.delete(name),
          () => kept.delete(name),
        );
      }
      return wanted;
    },
  };
}

async function serverBytes(
  name: string,
  version: string,
  onProgress?: (done: number, total: number) => void,
): Promise<ArrayBuffer> {
  const path =
    name === "manifest"
      ? "api/v1/manifest"
      : name === "ort.wasm" || name === "worker.js"
        ? `assets/${name}`
        : `api/v1/resources/${encodeURIComponent(name)}?v=${version}`;
  let response: Response;
  try {
    response = await fetch(address(path), { credentials: "same-origin" });
  } catch {
    tell();
    throw failure("fail.server");
  }
  if (!response.ok) throw new PageError(await wordsOf(response), response.status);
  if (!onProgress || !response.body) return response.arrayBuffer();
  return withProgress(response, onProgress);
}

/** What a failed answer says, in words. */
export async function wordsOf(response: Response): Promise<string> {
  const fallback = said("fail.answered", { status: `${response.status} ${response.statusText}`.trim() });
  try {
    const body = (await response.json()) as { error?: string; detail?: unknown };
    return body.error ?? (typeof body.detail === "string" ? body.detail : fallback);
  } catch {
    return fallback;
  }
}

/** The bytes of an answer, with word of how far they are; the total is that of the bytes unpacked. */
export async function withProgress(
  response: Response,
  onProgress: (done: number, total: number) => void,
): Promise<ArrayBuffer> {
  const total = Number(response.headers.get("X-Size") ?? response.headers.get("Content-Length") ?? 0);
  const reader = response.body!.getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let done = 0;
  for (;;) {
    const step = await reader.read();
    if (step.done) break;
    parts.push(step.value);
    done += step.value.length;
    onProgress(done, Math.max(total, done));
  }
  return new Blob(parts).arrayBuffer();
}
