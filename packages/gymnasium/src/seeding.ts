/**
 * Seeded, splittable random numbers: one 128-bit state (sfc32, from the PractRand suite), and `split`
 * derives an independent stream from a key, so that every environment, episode and decision owns a stream
 * and results do not depend on the order in which workers draw.
 */

export type SeedKey = number | string

/** 128-bit hash of a key (four MurmurHash3-style lanes with distinct multipliers). */
function hash128(text: string): Uint32Array {
  const lanes = Uint32Array.of(0x9e3779b9, 0x243f6a88, 0xb7e15162, 0xdeadbeef)
  const multipliers = [0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f, 0x165667b1]
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    for (let lane = 0; lane < 4; lane++) {
      const mixed = Math.imul(lanes[lane] ^ code, multipliers[lane])
      lanes[lane] = (mixed ^ (mixed >>> 15) ^ lanes[(lane + 1) & 3]) >>> 0
    }
  }
  return lanes
}

/** A random stream. Same key, same numbers, on every machine. */
export class Rng {
  private readonly state: Uint32Array
  private readonly key: string

  private constructor(key: string, state: Uint32Array) {
    this.key = key
    this.state = state
  }

  /** Stream for a seed and any further key parts, for example `Rng.fromSeed(7, 'env', 3)`. */
  static fromSeed(...key: SeedKey[]): Rng {
    const text = key.map((part) => `${typeof part}:${part}`).join('/')
    const rng = new Rng(text, hash128(text))
    for (let i = 0; i < 12; i++) rng.uint32()
    return rng
  }

  /** Independent stream derived from this stream's key (not from its position). */
  split(...key: SeedKey[]): Rng {
    return Rng.fromSeed(this.key, ...key)
  }

  /** Uniform integer in [0, 2^32). */
  uint32(): number {
    const s = this.state
    const result = (s[0] + s[1] + s[3]) >>> 0
    s[3] = s[3] + 1
    s[0] = s[1] ^ (s[1] >>> 9)
    s[1] = s[2] + (s[2] << 3)
    s[2] = ((s[2] << 21) | (s[2] >>> 11)) + result
    return result
  }

  /** Uniform number in [low, high), 53 random bits. */
  uniform(low = 0, high = 1): number {
    const bits = (this.uint32() >>> 5) * 67108864 + (this.uint32() >>> 6)
    return low + (high - low) * (bits / 9007199254740992)
  }

  /** Standard normal number (Box-Muller, one of the pair is dropped so that the state stays four words). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()))
    return radius * Math.cos(2 * Math.PI * this.uniform())
  }

  /** Uniform integer in [low, high). */
  integers(low: number, high: number): number {
    return low + Math.floor(this.uniform() * (high - low))
  }

  /** One element of a list. */
  choice<T>(items: readonly T[]): T {
    return items[this.integers(0, items.length)]
  }

  /** Fills an array with standard normal numbers. */
  fillNormal(out: Float32Array): Float32Array {
    for (let i = 0; i < out.length; i++) out[i] = this.normal()
    return out
  }

  /** Fisher-Yates shuffle in place. */
  shuffle<T extends Uint32Array | Int32Array | unknown[]>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integers(0, i + 1)
      const swap = items[i]
      items[i] = items[j]
      items[j] = swap
    }
    return items
  }

  /** Serialisable state: key and position. */
  save(): { key: string; state: number[] } {
    return { key: this.key, state: [...this.state] }
  }

  /** Stream at a saved position. */
  static restore(saved: { key: string; state: readonly number[] }): Rng {
    return new Rng(saved.key, Uint32Array.from(saved.state))
  }
}
