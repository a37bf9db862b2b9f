import type { Spans } from './spans.js'

/** Samples of a picture, row-major: packed colour (lighting.ts) and 1 / depth, 0 where nothing is. */
export interface Frame {
  readonly width: number
  readonly height: number
  readonly color: Uint32Array
  readonly inverseDepth: Float32Array
}

/** A frame and the background under it, in one buffer each for colour and depth: frame first. */
export interface Canvas {
  readonly color: Uint32Array
  readonly inverseDepth: Float32Array
  readonly frame: Frame
  readonly background: Frame
}

export function createCanvas(width: number, height: number): Canvas {
  const count = width * height
  const color = new Uint32Array(2 * count)
  const inverseDepth = new Float32Array(2 * count)
  const part = (start: number): Frame => ({
    width,
    height,
    color: color.subarray(start, start + count),
    inverseDepth: inverseDepth.subarray(start, start + count),
  })
  return { color, inverseDepth, frame: part(0), background: part(count) }
}

/** Which samples of a frame may have been drawn over: for each row, a bit for each of at most 32 equal stretches. */
export class DirtyRows {
  /** Runs found by `find`: run i has the columns `starts[i]` to `ends[i]`, exclusive. */
  readonly starts = new Int32Array(32)
  readonly ends = new Int32Array(32)
  readonly #width: number
  /** A stretch has 2^shift samples. */
  readonly #shift: number
  readonly #rows: Int32Array

  constructor(width: number, height: number) {
    this.#width = width
    this.#shift = Math.max(3, Math.ceil(Math.log2(width / 32)))
    this.#rows = new Int32Array(height)
  }

  clear(): void {
    this.#rows.fill(0)
  }

  add({ left, right, top, bottom }: Spans): void {
    const rows = this.#rows
    const shift = this.#shift
    for (let row = top; row < bottom; row++) {
      if (left[row] >= right[row]) continue
      const first = left[row] >> shift
      const last = (right[row] - 1) >> shift
      rows[row] |= (-1 << first) & (-1 >>> (31 - last))
    }
  }

  /** Finds the dirty runs of `count` rows, 1 or 2, taken together; returns how many there are. */
  find(row: number, count: 1 | 2): number {
    let bits = count === 1 ? this.#rows[row] : this.#rows[row] | this.#rows[row + 1]
    const stretch = 1 << this.#shift
    let found = 0
    for (let column = 0; bits !== 0; found++) {
      for (; (bits & 1) === 0; bits >>>= 1) column += stretch
      this.starts[found] = column
      for (; (bits & 1) === 1; bits >>>= 1) column += stretch
      this.ends[found] = Math.min(column, this.#width)
    }
    return found
  }
}

/** Makes the frame, drawn over where it is dirty, equal to the background again. */
export function restoreRows({ color, inverseDepth, frame }: Canvas, dirty: DirtyRows): void {
  const { width, height } = frame
  const count = width * height
  const { starts, ends } = dirty
  for (let row = 0; row < height; row++) {
    const runs = dirty.find(row, 1)
    for (let run = 0; run < runs; run++) {
      const start = row * width + starts[run]
      const end = row * width + ends[run]
      // Native copies are four times as fast as a loop here; within one buffer they need no views.
      color.copyWithin(start, count + start, count + end)
      inverseDepth.copyWithin(start, count + start, count + end)
    }
  }
}
