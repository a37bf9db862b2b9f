import type { Picture } from './png.js'

/**
 * Part of a picture in another size: every pixel is the mean over the area it covers, so that nothing aliases when a
 * camera frame becomes small.
 * @throws Error for a crop beyond the picture
 */
export function cropAndResize(
  picture: Picture,
  crop: readonly [number, number, number, number] | undefined,
  width: number,
  height: number,
): Uint8Array {
  const [left, top, w, h] = crop ?? [0, 0, picture.width, picture.height]
  if (w < 1 || h < 1 || left + w > picture.width || top + h > picture.height) {
    throw new Error(
      `crop [${left}, ${top}, ${w}, ${h}] is not within ${picture.width} x ${picture.height} pixels`,
    )
  }
  const columns = overlaps(left, w, width)
  const rows = overlaps(top, h, height)
  const { data } = picture
  const out = new Uint8Array(width * height * 3)
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < width; x++, o += 3) {
      let r = 0
      let g = 0
      let b = 0
      for (let v = rows.start[y]; v < rows.start[y + 1]; v++) {
        for (let u = columns.start[x]; u < columns.start[x + 1]; u++) {
          const i = 3 * (rows.at[v] * picture.width + columns.at[u])
          const share = columns.share[u] * rows.share[v]
          r += share * data[i]
          g += share * data[i + 1]
          b += share * data[i + 2]
        }
      }
      out[o] = Math.round(r)
      out[o + 1] = Math.round(g)
      out[o + 2] = Math.round(b)
    }
  }
  return out
}

/** Source pixels `at` under every target pixel i, and the `share` of it that each covers: places start[i] to start[i + 1]. */
function overlaps(first: number, length: number, count: number) {
  const scale = length / count
  const start = new Int32Array(count + 1)
  const at: number[] = []
  const share: number[] = []
  for (let i = 0; i < count; i++) {
    const [from, to] = [i * scale, (i + 1) * scale]
    for (let pixel = Math.floor(from); pixel < Math.min(Math.ceil(to - 1e-9), length); pixel++) {
      at.push(first + pixel)
      share.push((Math.min(to, pixel + 1) - Math.max(from, pixel)) / scale)
    }
    start[i + 1] = at.length
  }
  return { start, at: Int32Array.from(at), share: Float64Array.from(share) }
}
