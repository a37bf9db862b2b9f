import { UserError } from '../errors.js'
import { Space } from './space.js'

/** The integers start, start + 1, …, start + n - 1. */
export class Discrete extends Space<number> {
  readonly n: number
  readonly start: number
  readonly shape: readonly number[] = []

  constructor(n: number, start = 0) {
    super()
    if (!Number.isInteger(n) || n < 1) throw new UserError(`Discrete: n must be an integer >= 1, not ${n}`)
    if (!Number.isInteger(start)) throw new UserError(`Discrete: start must be an integer, not ${start}`)
    this.n = n
    this.start = start
  }

  sample(): number {
    return this.rng.integers(this.start, this.start + this.n)
  }

  contains(x: unknown): x is number {
    return Number.isInteger(x) && (x as number) >= this.start && (x as number) < this.start + this.n
  }

  copy(x: number): number {
    return x
  }

  equals(other: unknown): boolean {
    return other instanceof Discrete && other.n === this.n && other.start === this.start
  }

  toString(): string {
    return this.start === 0 ? `Discrete(${this.n})` : `Discrete(${this.n}, start=${this.start})`
  }
}
