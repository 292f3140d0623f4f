/** One worker as the page sees it: started on first use, asked by promises, started again when it
 * has crashed. */

import { PageError, wordsOf } from "../contracts.ts";
import { failure, said } from "../load/failing.ts";
import type { Answer, Ops, Question } from "./messages.ts";

/** How often in a row a worker may crash before the page gives up on it. */
const MOST_CRASHES = 3;

/** The worker is gone; a new one may do. */
class Crash extends Error {}

/** Asks the worker to do something. */
export type Call = <K extends keyof Ops>(
  op: K,
  ...args: Parameters<Ops[K]>
) => Promise<Awaited<ReturnType<Ops[K]>>>;

/** A worker that is asked through `use`. */
export class Link {
  private worker: Promise<Worker> | null = null;
  private readonly asked = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  private readonly loaded = new Map<string, Promise<void>>();
  private last = 0;
  private crashes = 0;

  /** `start` makes a worker; `doing` is the key of what fails where it cannot. */
  constructor(
    private readonly start: () => Promise<Worker>,
    private readonly doing: string,
  ) {}

  /** Runs something that asks the worker; once more, from a new worker on, if it crashes.
   * @throws PageError in words. */
  async use<T>(run: (call: Call) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const value = await run(this.call);
        this.crashes = 0;
        return value;
      } catch (error) {
        if (!(error instanceof Crash)) throw this.inWords(error);
        if (this.crashes >= MOST_CRASHES) {
          throw failure("fail.crashes", {
            doing: said(this.doing),
            count: this.crashes,
            why: error.message,
          });
        }
      }
    }
  }

  /** Loads something into the worker unless it is there: once for each worker and name. */
  need(name: string, load: () => Promise<void>): Promise<void> {
    let done = this.loaded.get(name);
    if (!done) {
      done = load();
      this.loaded.set(name, done);
      // What failed may do on the next try.
      done.catch(() => this.loaded.get(name) === done && this.loaded.delete(name));
    }
    return done;
  }

  /** Ends the worker; the next question starts another. */
  close(): void {
    this.lose(failure("fail.stopped", { doing: said(this.doing) }));
  }

  private readonly call: Call = async (op, ...args) => {
    const worker = await this.ready();
    const id = ++this.last;
    const question: Question = { id, op, args: args.map(alone) };
    const answer = new Promise<unknown>((resolve, reject) => this.asked.set(id, { resolve, reject }));
    worker.postMessage(question);
    return answer as never;
  };

  private ready(): Promise<Worker> {
    if (!this.worker) {
      const starting = this.start();
      this.worker = starting;
      starting.then(
        (worker) => this.listen(worker),
        () => this.worker === starting && (this.worker = null),
      );
    }
    return this.worker;
  }

  private listen(worker: Worker): void {
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const asked = this.asked.get(data.id);
      this.asked.delete(data.id);
      if (data.broken) this.crash(data.error ?? "", asked);
      else if (data.error !== undefined) asked?.reject(new Error(data.error));
      else asked?.resolve(data.value);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.crash(event.message || said("fail.script"));
    };
  }

  private crash(why: string, asked?: { reject(error: Error): void }): void {
    this.crashes++;
    const error = new Crash(why);
    asked?.reject(error);
    this.lose(error);
  }

  private lose(error: Error): void {
    void this.worker?.then((worker) => worker.terminate()).catch(() => undefined);
    this.worker = null;
    this.loaded.clear();
    for (const { reject } of this.asked.values()) reject(error);
    this.asked.clear();
  }

  private inWords(error: unknown): PageError {
    if (error instanceof PageError) return error;
    const why = wordsOf(error).replace(/\s+/g, " ").replace(/[. ]+$/, "");
    return failure("fail.doing", { doing: said(this.doing), why });
  }
}

/** A view without the rest of its buffer, all of which would be copied with it. */
function alone(value: unknown): unknown {
  const part = value instanceof Float32Array && value.byteLength < value.buffer.byteLength;
  return part ? value.slice() : value;
}
