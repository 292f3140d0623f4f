/** Calls of the HTTP API, with long work followed to its end. */

import { signal } from "@preact/signals";
import { PageError, type Server } from "../contracts.ts";
import { failure, said } from "./failing.ts";
import { address, onOutage, wordsOf } from "./resources.ts";

const PREFIX = "api/v1";
const READER = "latlas.reader";
const LOOK_AGAIN = 1500;
/** Milliseconds between two looks at a job: at first, later, and at most while the server is away. */
const SOON = 60;
const LATER = 600;
const MUCH_LATER = 5000;

interface Job {
  id: string;
  state: "queued" | "running" | "done" | "failed" | "cancelled";
  done: number;
  text: string;
  result?: unknown;
  error?: string;
}

/** A random word for this tab that a reload keeps: by it the server knows whose jobs are whose. */
export function readerOf(store: () => Pick<Storage, "getItem" | "setItem">): string {
  // Not randomUUID: pages from other machines by plain HTTP do not have it.
  const fresh = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
  try {
    const kept = store().getItem(READER);
    if (!kept) store().setItem(READER, fresh);
    return kept || fresh;
  } catch {
    return fresh;
  }
}

/** Whether the server was not there, was lost within its answer, or cannot answer for now: not what
 * it refuses, such as a job that it does not know. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof PageError)) return error instanceof TypeError;
  return error.status === 0 || error.status === 429 || error.status >= 502;
}

/** Waits, but no longer than until the reader stops it. */
function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((go) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      go();
    };
    const timer = setTimeout(end, milliseconds);
    if (signal?.aborted) end();
    else signal?.addEventListener("abort", end);
  });
}

/** The server that sent this page. */
export function openServer(readOnly: boolean): Server {
  const reachable = signal(true);
  const reader = readerOf(() => sessionStorage);
  const leaving = new Set<string>();

  async function call(method: string, path: string, body?: BodyInit, type?: string): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(address(`${PREFIX}${path.startsWith("/") ? path : `/${path}`}`), {
        method,
        body,
        credentials: "same-origin",
        headers: { "X-Reader": reader, ...(type && { "Content-Type": type }) },
      });
    } catch {
      lost();
      throw failure("fail.server.later");
    }
    reachable.value = true;
    if (!response.ok) {
      const error = new PageError(await wordsOf(response.clone()), response.status);
      try {
        Object.assign(error, { body: await response.json() });
      } catch {
        // Only words, then.
      }
      throw error;
    }
    return response;
  }

  function lost(): void {
    if (!reachable.value) return;
    reachable.value = false;
    const look = async () => {
      try {
        const answer = await fetch(address(`${PREFIX}/health`));
        reachable.value = answer.ok;
      } catch {
        // Still away.
      }
      if (!reachable.value) setTimeout(look, LOOK_AGAIN);
    };
    setTimeout(look, LOOK_AGAIN);
  }

  onOutage(lost);

  const read = async <T>(response: Response): Promise<T> => {
    const type = response.headers.get("Content-Type") ?? "";
    return (type.includes("json") ? await response.json() : await response.arrayBuffer()) as T;
  };

  async function follow<T>(
    id: string,
    onProgress?: (done: number, text: string) => void,
    signal?: AbortSignal,
  ): Promise<T> {
    leaving.delete(id);
    for (let wait = SOON; ; ) {
      let job: Job | null = null;
      try {
        job = await read<Job>(await call("GET", `/jobs/${id}`));
      } catch (error) {
        // The job goes on without its page, so the page comes back to it.
        if (!isOutage(error)) throw error;
      }
      if (job) {
        onProgress?.(job.done, job.text);
        if (job.state === "done") return job.result as T;
        if (job.state === "failed") throw new PageError(job.error ?? said("fail.work"));
        if (job.state === "cancelled") throw failure("fail.cancelled");
      }
      wait = Math.min(wait * 1.4, job ? LATER : MUCH_LATER);
      await pause(wait, signal);
      if (signal?.aborted) {
        await leave(id);
        throw failure("fail.cancelled");
      }
    }
  }

  /** Lets go of a job; while the server is away that waits in the background until it is back, or
   * until the job is asked for again. */
  async function leave(id: string, wait = LATER): Promise<void> {
    leaving.add(id);
    try {
      await call("DELETE", `/jobs/${id}`);
      leaving.delete(id);
    } catch (error) {
      if (!isOutage(error)) throw error;
      setTimeout(() => {
        if (leaving.has(id)) leave(id, Math.min(wait * 1.4, MUCH_LATER)).catch(() => leaving.delete(id));
      }, wait);
    }
  }

  return {
    readOnly,
    reachable,
    get: async <T>(path: string) => read<T>(await call("GET", path)),
    send: async <T>(method: string, path: string, body: unknown) =>
      read<T>(await call(method, path, JSON.stringify(body), "application/json")),
    upload: async <T>(path: string, file: Blob) =>
      read<T>(await call("POST", path, file, file.type || "application/octet-stream")),
    job: async <T>(
      path: string,
      body: unknown,
      onProgress?: (done: number, text: string) => void,
      signal?: AbortSignal,
    ) => {
      const started = await read<Job>(await call("POST", path, JSON.stringify(body), "application/json"));
      return follow<T>(started.id, onProgress, signal);
    },
  };
}
