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
  const out = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let [r, g, b] = [0, 0, 0]
      for (const { at: sourceY, share: shareY } of rows[y]) {
        for (const { at: sourceX, share: shareX } of columns[x]) {
          const i = 3 * (sourceY * picture.width + sourceX)
          const share = shareX * shareY
          r += share * picture.data[i]
          g += share * picture.data[i + 1]
          b += share * picture.data[i + 2]
        }
      }
      const o = 3 * (y * width + x)
      out[o] = Math.round(r)
      out[o + 1] = Math.round(g)
      out[o + 2] = Math.round(b)
    }
  }
  return out
}

/** Source pixels under every target pixel, and the share of it that each covers. */
function overlaps(start: number, length: number, count: number): { at: number; share: number }[][] {
  const scale = length / count
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [i * scale, (i + 1) * scale]
    const parts: { at: number; share: number }[] = []
    for (let at = Math.floor(from); at < Math.min(Math.ceil(to - 1e-9), length); at++) {
      const share = (Math.min(to, at + 1) - Math.max(from, at)) / scale
      parts.push({ at: start + at, share })
    }
    return parts
  })
}
