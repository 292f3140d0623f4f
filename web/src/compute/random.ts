/** Random numbers that a seed repeats, on every machine. */

/** A stream of random numbers. */
export interface Random {
  /** Uniform in [0, 1), with 53 random bits. */
  uniform(): number;
  /** Normal with mean 0 and deviation 1. */
  normal(): number;
}

/** A stream of its own for each seed (a whole number from 0 on) and each purpose.
 *
 * xoshiro128** (Blackman & Vigna, "Scrambled Linear Pseudorandom Number Generators", ACM
 * Transactions on Mathematical Software 2021), its state filled by SplitMix's mixing of the seed
 * (Steele, Lea & Flood, OOPSLA 2014); normals by Box & Muller's transform (1958), two from each
 * two uniforms, so that a stream never depends on the values drawn.
 */
export function random(seed: number, purpose = 0): Random {
  const state = filled(seed, purpose);
  let spare = NaN;
  const uniform = () => ((next(state) >>> 5) * 67108864 + (next(state) >>> 6)) / 9007199254740992;
  const normal = () => {
    if (!Number.isNaN(spare)) {
      const kept = spare;
      spare = NaN;
      return kept;
    }
    // 1 - u lies in (0, 1], so the logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
  return { uniform, normal };
}

/** 0, ..., n - 1 in random order, the first `count` of them: uint32 [count]. */
export function chosen(n: number, count: number, stream: Random): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  const wanted = Math.min(count, n);
  for (let i = 0; i < wanted; i++) {
    const other = i + Math.floor(stream.uniform() * (n - i));
    [order[i], order[other]] = [order[other], order[i]];
  }
  return order.slice(0, wanted);
}

function filled(seed: number, purpose: number): Uint32Array {
  const state = new Uint32Array(4);
  // Seeds above 2³² keep their upper half, so that no two whole numbers share a stream.
  let mixed = (seed >>> 0) ^ Math.imul(Math.floor(seed / 4294967296) >>> 0, 0x85ebca6b);
  mixed = (mixed ^ Math.imul(purpose + 1, 0xc2b2ae35)) >>> 0;
  for (let i = 0; i < 4; i++) {
    mixed = (mixed + 0x9e3779b9) >>> 0;
    let value = mixed;
    value = Math.imul(value ^ (value >>> 16), 0x21f0aaad);
    value = Math.imul(value ^ (value >>> 15), 0x735a2d97);
    state[i] = value ^ (value >>> 15);
  }
  return state;
}

function next(s: Uint32Array): number {
  const scrambled = Math.imul(rotated(Math.imul(s[1], 5), 7), 9) >>> 0;
  const shifted = s[1] << 9;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= shifted;
  s[3] = rotated(s[3], 11);
  return scrambled;
}

function rotated(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}
