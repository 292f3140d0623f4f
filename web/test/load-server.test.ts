import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server as Listening } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { PageError, type Server } from "../src/contracts.ts";
import { openServer, readerOf } from "../src/load/server.ts";

/** A server of one job on a port that stays the same when it goes away and comes back. */
class Host {
  /** What the job says when it is asked for; null: it is not known. */
  job: Record<string, unknown> | null = { id: "7", state: "running", done: 0.5, text: "at it" };
  readonly asked: string[] = [];
  readonly readers = new Set<unknown>();
  private listening: Listening | null = null;
  private port = 0;

  async come(): Promise<void> {
    this.listening = createServer((request, response) => {
      this.note(request);
      response.setHeader("Content-Type", "application/json");
      response.setHeader("Connection", "close");
      if (!this.job) response.statusCode = 404;
      response.end(JSON.stringify(this.job ?? { error: "there is no job" }));
    });
    await new Promise<void>((go) => this.listening!.listen(this.port, "127.0.0.1", go));
    this.port = (this.listening.address() as AddressInfo).port;
  }

  async go(): Promise<void> {
    await new Promise((gone) => this.listening!.close(gone));
  }

  page(): Server {
    Object.assign(globalThis, { document: { baseURI: `http://127.0.0.1:${this.port}/` } });
    return openServer(false);
  }

  private note(request: IncomingMessage): void {
    this.asked.push(`${request.method} ${request.url!.replace("/api/v1", "")}`);
    if (!request.url!.endsWith("/health")) this.readers.add(request.headers["x-reader"]);
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((go) => setTimeout(go, 10));
}

test("a tab keeps its word over a reload, and has one where nothing can be kept", () => {
  const kept = new Map<string, string>();
  const store = () => ({
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
  });
  const first = readerOf(store);
  assert.match(first, /^[0-9a-f]{16}$/);
  assert.equal(readerOf(store), first);
  const barred = () => {
    throw new Error("not allowed");
  };
  assert.match(readerOf(barred), /^[0-9a-f]{16}$/);
  assert.notEqual(readerOf(barred), readerOf(barred));
});

test("a job is followed through an outage to its result, by one reader", async () => {
  const host = new Host();
  await host.come();
  const page = host.page();
  let told = 0;
  const work = page.job("/sample", {}, () => told++);
  await until(() => told > 0);
  await host.go();
  await until(() => !page.reachable.value);
  host.job = { id: "7", state: "done", done: 1, text: "done", result: 42 };
  await host.come();
  assert.equal(await work, 42);
  assert.equal(host.readers.size, 1);
  assert.match(String([...host.readers][0]), /^[0-9a-f]{16}$/);
  await host.go();
});

test("a job that the server no longer knows ends, and so does one that failed", async () => {
  const host = new Host();
  await host.come();
  const page = host.page();
  const work = page.job("/sample", {}, () => (host.job = null));
  await assert.rejects(work, (error: PageError) => error.status === 404);
  host.job = { id: "7", state: "failed", done: 0, text: "", error: "no room" };
  await assert.rejects(page.job("/sample", {}), /no room/);
  await host.go();
});

test("stopped during an outage it ends at once, and the server hears of it when it is back", async () => {
  const host = new Host();
  await host.come();
  const page = host.page();
  const stop = new AbortController();
  let told = 0;
  const work = page.job("/sample", {}, () => told++, stop.signal);
  await until(() => told > 0);
  await host.go();
  await until(() => !page.reachable.value);
  stop.abort();
  await assert.rejects(work, /cancelled/);
  await host.come();
  await until(() => host.asked.includes("DELETE /jobs/7"));
  await host.go();
});
