import { UserError } from '../errors.js'
import { sameElements, sizeOf } from './dtype.js'
import { Space } from './space.js'

/** Arrays of zeros and ones (Int8Array) of n elements or of a shape. */
export class MultiBinary extends Space<Int8Array> {
  readonly shape: readonly number[]

  constructor(n: number | readonly number[]) {
    super()
    this.shape = typeof n === 'number' ? [n] : n
    if (!this.shape.every((size) => Number.isInteger(size) && size >= 1)) {
      throw new UserError(`MultiBinary: sizes must be integers >= 1, not [${this.shape}]`)
    }
  }

  sample(): Int8Array {
    return Int8Array.from({ length: sizeOf(this.shape) }, () => this.rng.integers(0, 2))
  }

  contains(x: unknown): x is Int8Array {
    return x instanceof Int8Array && x.length === sizeOf(this.shape) && x.every((v) => v === 0 || v === 1)
  }

  copy(x: Int8Array): Int8Array {
    return x.slice()
  }

  equals(other: unknown): boolean {
    return other instanceof MultiBinary && sameElements(other.shape, this.shape)
  }

  toString(): string {
    return `MultiBinary(${this.shape.length === 1 ? this.shape[0] : `[${this.shape.join(', ')}]`})`
  }
}
