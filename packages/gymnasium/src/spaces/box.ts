import { UserError } from '../errors.js'
import type { Rng } from '../seeding.js'
import {
  type DType,
  isDType,
  isFloat,
  isOfDType,
  rangeOf,
  sameElements,
  sizeOf,
  type TypedArrays,
  zeros,
} from './dtype.js'
import { Space } from './space.js'

type Bound = number | ArrayLike<number>

/**
 * Arrays whose elements lie in [low, high], both inclusive. A value is a flat typed array, row-major, of
 * `shape`; a bound is a number or one number an element. Infinite bounds of an integer type are the type's own.
 */
export class Box<D extends DType = 'float32'> extends Space<TypedArrays[D]> {
  readonly low: TypedArrays[D]
  readonly high: TypedArrays[D]
  readonly shape: readonly number[]
  readonly dtype: D

  /** `shape` may be left out where a bound is an array. UserError for bounds that do not make a box. */
  constructor(low: Bound, high: Bound, shape?: readonly number[], dtype: D = 'float32' as D) {
    super()
    if (!isDType(dtype)) throw new UserError(`Box: unknown dtype '${String(dtype)}'`)
    this.dtype = dtype
    this.shape = shape ?? defaultShape(low, high)
    if (!this.shape.every((n) => Number.isInteger(n) && n >= 0)) {
      throw new UserError(`Box: shape [${this.shape}] must hold integers >= 0`)
    }
    this.low = this.fill(low, 'low')
    this.high = this.fill(high, 'high')
    for (let i = 0; i < this.low.length; i++) {
      if (this.low[i] > this.high[i]) {
        throw new UserError(`Box: low ${this.low[i]} is above high ${this.high[i]} at element ${i}`)
      }
    }
  }

  private fill(bound: Bound, name: string): TypedArrays[D] {
    const size = sizeOf(this.shape)
    const out = zeros(this.dtype, size)
    if (typeof bound !== 'number' && bound.length !== size) {
      throw new UserError(`Box: ${name} has ${bound.length} elements, shape [${this.shape}] needs ${size}`)
    }
    const [least, greatest] = rangeOf(this.dtype)
    for (let i = 0; i < size; i++) {
      const given = typeof bound === 'number' ? bound : bound[i]
      const value = Math.abs(given) === Infinity ? Math.min(greatest, Math.max(least, given)) : given
      const fits = isFloat(this.dtype) || (Number.isInteger(value) && value >= least && value <= greatest)
      if (Number.isNaN(value) || !fits) {
        throw new UserError(`Box: ${name} ${given} at element ${i} is not a value of ${this.dtype}`)
      }
      out[i] = value
    }
    return out
  }

  /** Uniform between finite bounds, exponential from one finite bound, standard normal without bounds. */
  sample(): TypedArrays[D] {
    const out = zeros(this.dtype, this.low.length)
    const draw = isFloat(this.dtype) ? drawFloat : drawInteger
    for (let i = 0; i < out.length; i++) out[i] = draw(this.rng, this.low[i], this.high[i])
    return out
  }

  contains(x: unknown): x is TypedArrays[D] {
    if (!isOfDType(x, this.dtype) || x.length !== this.low.length) return false
    for (let i = 0; i < x.length; i++) if (!(x[i] >= this.low[i] && x[i] <= this.high[i])) return false
    return true
  }

  /** Whether every element is bounded below, above or on both sides. */
  isBounded(manner: 'both' | 'below' | 'above' = 'both'): boolean {
    const below = this.low.every((v: number) => v > -Infinity)
    const above = this.high.every((v: number) => v < Infinity)
    return (manner === 'above' || below) && (manner === 'below' || above)
  }

  copy(x: TypedArrays[D]): TypedArrays[D] {
    return x.slice() as TypedArrays[D]
  }

  equals(other: unknown): boolean {
    return (
      other instanceof Box &&
      other.dtype === this.dtype &&
      sameElements(other.shape, this.shape) &&
      sameElements(other.low, this.low) &&
      sameElements(other.high, this.high)
    )
  }

  toString(): string {
    return `Box(${boundText(this.low)}, ${boundText(this.high)}, [${this.shape.join(', ')}], ${this.dtype})`
  }
}

function defaultShape(low: Bound, high: Bound): number[] {
  if (typeof low !== 'number') return [low.length]
  return typeof high === 'number' ? [] : [high.length]
}

function drawFloat(rng: Rng, low: number, high: number): number {
  if (low > -Infinity && high < Infinity) {
    // The weighted form does not overflow where high - low would.
    const u = rng.uniform()
    return Math.min(high, Math.max(low, low * (1 - u) + high * u))
  }
  if (low > -Infinity) return low - Math.log(1 - rng.uniform())
  if (high < Infinity) return high + Math.log(1 - rng.uniform())
  return rng.normal()
}

function drawInteger(rng: Rng, low: number, high: number): number {
  return rng.integers(low, high + 1)
}

function boundText(bound: ArrayLike<number>): string {
  const values = Array.from(bound)
  const text = (v: number) => String(Number(v.toPrecision(6)))
  if (values.every((v) => v === values[0])) return text(values[0] ?? 0)
  if (values.length <= 8) return `[${values.map(text).join(', ')}]`
  const extreme = (pick: (a: number, b: number) => number) => text(values.reduce((a, b) => pick(a, b)))
  return `${extreme(Math.min)}..${extreme(Math.max)}`
}
