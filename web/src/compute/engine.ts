/** What the page computes: starts the workers and says what they can do. */

import type { ReadonlySignal } from "@preact/signals";
import type {
  Columns,
  Decoder,
  Latents,
  Manifest,
  Resources,
  Server,
} from "../contracts.ts";
import { failure } from "../load/failing.ts";
import { address, inOneFile } from "../load/resources.ts";
import { PageLatents } from "./asking.ts";
import { PageDecoder, type Drawing } from "./decoding.ts";
import { Link } from "./link.ts";
import { Remote } from "./remote.ts";

/** Milliseconds after which the background work begins although the page is busy, or although its
 * map does not stand yet, and between two looks at it. */
const PATIENCE = 1000;
const MOST_PATIENCE = 5000;
const LOOK_AGAIN = 50;

/** The computing half of the page. */
export interface Engine {
  /** Null where the space has no decoder. */
  decoder: Decoder | null;
  latents: Latents;
  /** Where images are drawn and why there; null without a decoder. */
  drawing: ReadonlySignal<Drawing> | null;
  /** Ends the workers. */
  close(): void;
}

/** Starts the engine; nets and latents are loaded once the page has drawn its first picture, or on
 * the first call. One worker has the nets and one the latents, so that neither waits for the other. */
export function startEngine(
  resources: Resources,
  manifest: Manifest,
  columns: Columns,
  server: Server | null,
): Engine {
  const start = () => startWorker(resources);
  const remote = server && new Remote(server, manifest, columns);
  const nets = new Link(start, "fail.doing.nets");
  const maths = new Link(start, "fail.doing.maths");
  const runtime = () => runtimeBytes(resources);
  const decoder = manifest.decoders.length
    ? new PageDecoder({ resources, manifest, link: nets, runtime, remote })
    : null;
  const latents = new PageLatents({ resources, manifest, columns, link: maths, remote });
  // What fails here fails again, in words, when it is asked for.
  afterFirstPicture(() => {
    decoder?.settle().catch(() => undefined);
    latents.open().catch(() => undefined);
  });
  const close = () => [nets, maths].forEach((link) => link.close());
  return { decoder, latents, drawing: decoder?.drawing ?? null, close };
}

async function startWorker(resources: Resources): Promise<Worker> {
  if (!inOneFile()) return new Worker(address("assets/worker.js"));
  const script = new Blob([await resources.bytes("worker.js")], { type: "text/javascript" });
  const url = URL.createObjectURL(script);
  try {
    return new Worker(url);
  } finally {
    // The worker has to have read it first.
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }
}

/** The bytes of the runtime of the nets. They are large, so the page keeps none from a server. */
async function runtimeBytes(resources: Resources): Promise<ArrayBuffer> {
  if (inOneFile()) return resources.bytes("ort.wasm");
  let response: Response;
  try {
    response = await fetch(address("assets/ort.wasm"), { credentials: "same-origin" });
  } catch {
    throw failure("fail.server");
  }
  if (response.ok) return response.arrayBuffer();
  throw failure("fail.runtime", { status: response.status }, response.status);
}

/** Runs something once the page says that its map stands, and has nothing else to do. */
function afterFirstPicture(run: () => void): void {
  const end = performance.now() + MOST_PATIENCE;
  const look = () => {
    const stands = document.documentElement.dataset.ready === "1";
    if (!stands && performance.now() < end) setTimeout(look, LOOK_AGAIN);
    else if ("requestIdleCallback" in window) requestIdleCallback(run, { timeout: PATIENCE });
    else setTimeout(run, LOOK_AGAIN);
  };
  setTimeout(look, LOOK_AGAIN);
}
