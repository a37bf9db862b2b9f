import { decodeJpeg, encodeJpeg, minJpegSide } from '../images/jpeg.js'
import { decodePng, encodePng, type Picture } from '../images/png.js'
import { EncodedImage, NdArray, type WireValue } from './ndarray.js'
import { WireError } from './wireError.js'

/** How pictures travel. */
export type ImageFormat = 'raw' | 'png' | 'jpeg'
export const imageFormats = ['raw', 'png', 'jpeg'] as const satisfies readonly ImageFormat[]

/** Pixels of the largest picture that is read: 4K. */
export const maxImagePixels = 3840 * 2160

/**
 * A picture as the wire carries it: an array [height, width, 3] of uint8, or encoded. One too small for a JPEG becomes
 * a PNG.
 */
export async function packImage(picture: Picture, format: ImageFormat): Promise<NdArray | EncodedImage> {
  const { width, height, data } = picture
  const shape = [height, width, 3]
  if (format === 'raw') return new NdArray('u1', shape, data)
  if (format === 'jpeg' && Math.min(width, height) >= minJpegSide)
    return new EncodedImage('jpeg', shape, await encodeJpeg(picture))
  return new EncodedImage('png', shape, encodePng(picture))
}

/**
 * A peer's picture: encoded, or an array [height, width, 1 | 3 | 4] or [3, height, width] of uint8 or of floats from
 * 0 to 1. Transparency is dropped.
 * @throws WireError naming `what`
 */
export async function readImage(value: WireValue | undefined, what: string): Promise<Picture> {
  if (value instanceof EncodedImage) return decode(value, what)
  if (value instanceof NdArray) return pictureOf(value, what)
  throw new WireError(`${what}: expected a picture, an array [height, width, 3] of uint8`)
}

async function decode({ format, bytes }: EncodedImage, what: string): Promise<Picture> {
  try {
    return format === 'png' ? decodePng(bytes, maxImagePixels) : await decodeJpeg(bytes, maxImagePixels)
  } catch (error) {
    throw new WireError(`${what}: this ${format.toUpperCase()} is not read: ${(error as Error).message}`)
  }
}

function pictureOf({ dtype, shape, data }: NdArray, what: string): Picture {
  const isPlanar = shape.length === 3 && shape[0] === 3 && ![1, 3, 4].includes(shape[2])
  const [height, width, channels] = isPlanar ? [shape[1], shape[2], 3] : shape
  if (shape.length !== 3 || ![1, 3, 4].includes(channels) || width * height === 0)
    throw new WireError(`${what}: a picture is [height, width, 3], not [${shape.join(', ')}]`)
  if (width * height > maxImagePixels) throw new WireError(`${what}: ${width} x ${height} pixels`)
  if (dtype !== 'u1' && dtype !== 'f4' && dtype !== 'f8')
    throw new WireError(`${what}: pixels are uint8, or floats from 0 to 1, not ${dtype}`)
  if (dtype === 'u1' && channels === 3 && !isPlanar) return { width, height, data: data as Uint8Array }
  const samples = data as Uint8Array | Float32Array | Float64Array
  const scale = dtype === 'u1' ? 1 : 255
  const pixels = width * height
  const rgb = new Uint8Array(3 * pixels)
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) {
      const from = isPlanar ? c * pixels + i : i * channels + (channels === 1 ? 0 : c)
      rgb[3 * i + c] = Math.min(255, Math.max(0, scale * samples[from]))
    }
  }
  return { width, height, data: rgb }
}
