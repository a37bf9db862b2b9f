import type { DirtyRows, Frame } from './frame.js'

/** What a camera sees, rows top to bottom. */
export interface Picture {
  /** [height, width, 3], sRGB. */
  readonly rgb: Uint8Array
  /** [height, width], m along the optical axis; 0: nothing there. With supersampling, of the nearest sample. */
  readonly depth: Float32Array
  /** [height, width], index of the body in the scene + 1, of the same sample; 0: background. */
  readonly segmentation: Uint8Array
}

/** Writes samples [start, end) of a sample row, and with scale 2 of the one below, as pixels from `out[pixel]` on. */
type ResolveRun<T> = (
  frame: Frame,
  scale: 1 | 2,
  row: number,
  start: number,
  end: number,
  pixel: number,
  out: T,
) => void

/** Writes all pixels of a frame of `scale` x `scale` samples a pixel. */
export function resolveAll<T>(frame: Frame, scale: 1 | 2, resolve: ResolveRun<T>, out: T): void {
  const pixels = frame.width / scale
  for (let row = 0; row < frame.height; row += scale)
    resolve(frame, scale, row, 0, frame.width, (row / scale) * pixels, out)
}

/** As resolveAll, only where the frame is dirty. */
export function resolveDirty<T>(
  frame: Frame,
  scale: 1 | 2,
  dirty: DirtyRows,
  resolve: ResolveRun<T>,
  out: T,
): void {
  const pixels = frame.width / scale
  const { starts, ends } = dirty
  for (let row = 0; row < frame.height; row += scale) {
    const runs = dirty.find(row, scale)
    for (let run = 0; run < runs; run++)
      resolve(frame, scale, row, starts[run], ends[run], (row / scale) * pixels + starts[run] / scale, out)
  }
}

/** Box filter of the sRGB values. */
const resolveRgb: ResolveRun<Uint8Array> = ({ width, color }, scale, row, start, end, pixel, out) => {
  const stop = row * width + end
  let i = row * width + start
  let j = 3 * pixel
  if (scale === 1) {
    for (; i < stop; i++, j += 3) {
      const c = color[i]
      out[j] = c
      out[j + 1] = c >>> 8
      out[j + 2] = c >>> 16
    }
    return
  }
  for (; i < stop; i += 2, j += 3) {
    const a = color[i]
    const b = color[i + 1]
    const c = color[i + width]
    const d = color[i + width + 1]
    // Red and blue of four samples are summed side by side in one integer; 2 rounds.
    const rb = (a & 0xff00ff) + (b & 0xff00ff) + (c & 0xff00ff) + (d & 0xff00ff) + 0x20002
    const g = (a & 0xff00) + (b & 0xff00) + (c & 0xff00) + (d & 0xff00) + 0x200
    out[j] = rb >>> 2
    out[j + 1] = g >>> 10
    out[j + 2] = rb >>> 18
  }
}

const resolveDepth: ResolveRun<Float32Array> = (frame, scale, row, start, end, pixel, out) => {
  const { width, inverseDepth } = frame
  const stop = row * width + end
  let j = pixel
  for (let i = row * width + start; i < stop; i += scale, j++) {
    const w = inverseDepth[nearest(inverseDepth, i, width, scale)]
    out[j] = w > 0 ? 1 / w : 0
  }
}

const resolveSegmentation: ResolveRun<Uint8Array> = (frame, scale, row, start, end, pixel, out) => {
  const { width, color, inverseDepth } = frame
  const stop = row * width + end
  let j = pixel
  for (let i = row * width + start; i < stop; i += scale, j++)
    out[j] = color[nearest(inverseDepth, i, width, scale)] >>> 24
}

/** Index of the nearest of a pixel's samples, of which `i` is the upper left one. */
function nearest(inverseDepth: Float32Array, i: number, width: number, scale: 1 | 2): number {
  if (scale === 1) return i
  const below = i + width
  const top = inverseDepth[i + 1] > inverseDepth[i] ? i + 1 : i
  const bottom = inverseDepth[below + 1] > inverseDepth[below] ? below + 1 : below
  return inverseDepth[bottom] > inverseDepth[top] ? bottom : top
}

interface Layer<T> {
  readonly perPixel: number
  readonly resolve: ResolveRun<T>
  create(length: number): T
}

/** How each part of a picture is made. */
export const layers: { readonly [K in keyof Picture]: Layer<Picture[K]> } = {
  rgb: { perPixel: 3, resolve: resolveRgb, create: (length) => new Uint8Array(length) },
  depth: { perPixel: 1, resolve: resolveDepth, create: (length) => new Float32Array(length) },
  segmentation: { perPixel: 1, resolve: resolveSegmentation, create: (length) => new Uint8Array(length) },
}
