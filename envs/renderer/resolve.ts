import type { Frame } from './fills.js'

/** Frame of `scale` x `scale` samples a pixel to rgb bytes [height, width, 3], a box filter of the sRGB values. */
export function resolveColor(frame: Frame, scale: 1 | 2, rgb: Uint8Array): void {
  const { width, height, color } = frame
  let out = 0
  if (scale === 1) {
    for (let i = 0; i < width * height; i++) {
      const c = color[i]
      rgb[out] = c
      rgb[out + 1] = c >>> 8
      rgb[out + 2] = c >>> 16
      out += 3
    }
    return
  }
  for (let row = 0; row < height; row += 2) {
    let i = row * width
    for (const end = i + width; i < end; i += 2) {
      const a = color[i]
      const b = color[i + 1]
      const c = color[i + width]
      const d = color[i + width + 1]
      // Red and blue of four samples are summed side by side in one integer; 2 rounds.
      const rb = (a & 0xff00ff) + (b & 0xff00ff) + (c & 0xff00ff) + (d & 0xff00ff) + 0x20002
      const g = (a & 0xff00) + (b & 0xff00) + (c & 0xff00) + (d & 0xff00) + 0x200
      rgb[out] = rb >>> 2
      rgb[out + 1] = g >>> 10
      rgb[out + 2] = rb >>> 18
      out += 3
    }
  }
}

/** Depth, m, and body of the nearest sample of each pixel; 0 and 0 where nothing is. Empty outputs are skipped. */
export function resolveGeometry(
  frame: Frame,
  scale: 1 | 2,
  depth: Float32Array,
  segmentation: Uint16Array,
): void {
  const { width, height, color, inverseDepth: w } = frame
  let out = 0
  for (let row = 0; row < height; row += scale) {
    for (let column = 0; column < width; column += scale, out++) {
      let i = row * width + column
      if (scale === 2) {
        const below = i + width
        const top = w[i + 1] > w[i] ? i + 1 : i
        const bottom = w[below + 1] > w[below] ? below + 1 : below
        i = w[bottom] > w[top] ? bottom : top
      }
      if (depth.length > 0) depth[out] = w[i] > 0 ? 1 / w[i] : 0
      if (segmentation.length > 0) segmentation[out] = color[i] >>> 24
    }
  }
}
