/** Calls of the HTTP API, with long work followed to its end. */

import { signal } from "@preact/signals";
import { PageError, type Server } from "../contracts.ts";
import { address, onOutage, wordsOf } from "./resources.ts";

const PREFIX = "api/v1";
const READER = "latlas.reader";
const LOOK_AGAIN = 1500;

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

/** The server that sent this page. */
export function openServer(readOnly: boolean): Server {
  const reachable = signal(true);
  const reader = readerOf(() => sessionStorage);

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
      throw new PageError("the server does not answer. The page goes on when it is back.");
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
    for (let wait = 60; ; wait = Math.min(wait * 1.4, 600)) {
      const job = await read<Job>(await call("GET", `/jobs/${id}`));
      onProgress?.(job.done, job.text);
      if (job.state === "done") return job.result as T;
      if (job.state === "failed") throw new PageError(job.error ?? "the work failed");
      if (job.state === "cancelled") throw new PageError("cancelled");
      await new Promise((go) => setTimeout(go, wait));
      if (signal?.aborted) {
        await call("DELETE", `/jobs/${id}`);
        throw new PageError("cancelled");
      }
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
