/** What the reader asks for, and how it stands in the address of the page. */

/** What the reader asks for. */
export interface Ask {
  prior: string;
  /** -1: of everything. */
  label: number;
  /** Multiplies the spread: 1 as the data, below nearer to the middle. */
  temperature: number;
  seed: number;
  n: number;
}

/** The limits of what can be asked for. */
export const LIMITS = { most: 100, cold: 0.1, hot: 1.5, seeds: 99_999 } as const;

/** Whether two askings are the same. */
export function sameAsk(a: Ask | null, b: Ask): boolean {
  return a !== null && writeAsk(a) === writeAsk(b);
}

/** An asking as it stands in the address: prior~class~temperature~seed~number. */
export function writeAsk(ask: Ask): string {
  return [ask.prior, ask.label, ask.temperature, ask.seed, ask.n].join("~");
}

/** Reads `writeAsk`, for a space with these priors and so many classes.
 * @throws RangeError for anything that cannot be asked for. */
export function readAsk(text: string, priors: ReadonlySet<string>, classes: number): Ask {
  const [prior, ...rest] = text.split("~");
  const [label, temperature, seed, n] = rest.map(Number);
  const whole = [label, seed, n].every(Number.isInteger);
  const within =
    label >= -1 && label < classes && seed >= 0 && seed <= LIMITS.seeds && n >= 1 && n <= LIMITS.most;
  if (!priors.has(prior) || !whole || !within || !(temperature >= LIMITS.cold && temperature <= LIMITS.hot)) {
    throw new RangeError(`${text} is no asking`);
  }
  return { prior, label, temperature, seed, n };
}
