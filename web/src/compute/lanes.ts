/** Who is served next: one piece of work at a time, the smallest first, the latest of each lane. */

/** Work in pieces, none of which keeps another waiting for long. */
export interface Work<T> {
  /** Run one after the other; small work of others may come between. */
  pieces: (() => Promise<void>)[];
  /** The result, once all pieces are through. */
  result(): T;
}

interface Waiting {
  lane: string | undefined;
  next: number;
  pieces: (() => Promise<void>)[];
  finish(): void;
  fail(error: unknown): void;
  drop(): void;
}

/** A queue in front of one worker. */
export class Lanes {
  private readonly waiting: Waiting[] = [];
  private busy = false;

  /** Does the work, or resolves to null when a later call with the same lane overtook it while it
   * was waiting. Work that has begun and has one piece left is answered: were it dropped too, a
   * cursor that moves faster than a slow decoder would never see a picture. */
  ask<T>(work: Work<T>, lane?: string): Promise<T | null> {
    if (lane !== undefined) this.overtake(lane);
    return new Promise((resolve, reject) => {
      this.waiting.push({
        lane,
        next: 0,
        pieces: work.pieces,
        finish: () => resolve(work.result()),
        fail: reject,
        drop: () => resolve(null),
      });
      void this.go();
    });
  }

  /** Resolves to null what waits in a lane. */
  private overtake(lane: string): void {
    for (let i = this.waiting.length - 1; i >= 0; i--) {
      if (this.waiting[i].lane === lane) this.waiting.splice(i, 1)[0].drop();
    }
  }

  private async go(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    for (let work = this.take(); work; work = this.take()) {
      try {
        if (work.next < work.pieces.length) await work.pieces[work.next++]();
        if (work.next >= work.pieces.length) work.finish();
        else this.putBack(work);
      } catch (error) {
        work.fail(error);
      }
    }
    this.busy = false;
  }

  /** The work with the fewest pieces left; of equals the one that came first. */
  private take(): Waiting | undefined {
    let best = 0;
    for (let i = 1; i < this.waiting.length; i++) {
      if (left(this.waiting[i]) < left(this.waiting[best])) best = i;
    }
    return this.waiting.splice(best, 1)[0];
  }

  /** Unfinished work waits again, unless it was overtaken meanwhile. */
  private putBack(work: Waiting): void {
    const overtaken = work.lane !== undefined && this.waiting.some((other) => other.lane === work.lane);
    if (overtaken) work.drop();
    else this.waiting.unshift(work);
  }
}

function left(work: Waiting): number {
  return work.pieces.length - work.next;
}
