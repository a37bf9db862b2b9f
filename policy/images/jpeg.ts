import { createRequire } from 'node:module'
import type { Picture } from './png.js'

/** What is used of libjpeg-turbo, compiled to WebAssembly (@cornerstonejs/codec-libjpeg-turbo-8bit). */
interface LibJpegTurbo {
  readonly JPEGDecoder: new () => {
    /** Room for the JPEG in the module's memory. */
    getEncodedBuffer(bytes: number): Uint8Array
    decode(): void
    getDecodedBuffer(): Uint8Array
    getFrameInfo(): { width: number; height: number; componentCount: number }
    delete(): void
  }
  readonly JPEGEncoder: new () => {
    getDecodedBuffer(frame: {
      width: number
      height: number
      bitsPerSample: number
      componentCount: number
      isSigned: boolean
    }): Uint8Array
    setQuality(quality: number): void
    setSubSampling(mode: number): void
    setProgressive(progressive: number): void
    encode(): void
    getEncodedBuffer(): Uint8Array
    delete(): void
  }
}

const require = createRequire(import.meta.url)
const codec = '@cornerstonejs/codec-libjpeg-turbo-8bit'
type Factory = (options: { locateFile(): string }) => Promise<LibJpegTurbo>

const load = (): Promise<LibJpegTurbo> =>
  (require(`${codec}/wasmjs`) as Factory)({ locateFile: () => require.resolve(`${codec}/wasm`) })

/** A decoder that fails keeps some kilobytes: after so many failures the module is loaded anew. */
const failuresUntilReload = 500
let module: Promise<LibJpegTurbo> | undefined
let failures = 0

function libJpegTurbo(): Promise<LibJpegTurbo> {
  if (failures >= failuresUntilReload) {
    failures = 0
    module = undefined
  }
  module ??= load()
  return module
}

/**
 * A baseline or progressive JPEG as 8-bit rgb.
 * @throws Error for bytes that are not one, or have more than `maxPixels`
 */
export async function decodeJpeg(bytes: Uint8Array, maxPixels = Number.POSITIVE_INFINITY): Promise<Picture> {
  const { width, height } = jpegSize(bytes)
  if (width * height > maxPixels) throw new Error(`${width} x ${height} pixels`)
  const lib = await libJpegTurbo()
  const decoder = new lib.JPEGDecoder()
  try {
    decoder.getEncodedBuffer(bytes.length).set(bytes)
    try {
      decoder.decode()
    } catch {
      // The library throws the address of its message.
      failures++
      throw new Error('not a whole JPEG')
    }
    const { componentCount } = decoder.getFrameInfo()
    const samples = decoder.getDecodedBuffer()
    if (componentCount === 3) return { width, height, data: Uint8Array.from(samples) }
    if (componentCount !== 1) throw new Error(`a JPEG of ${componentCount} components`)
    const data = new Uint8Array(3 * samples.length)
    for (let i = 0; i < samples.length; i++) data.fill(samples[i], 3 * i, 3 * i + 3)
    return { width, height, data }
  } finally {
    decoder.delete()
  }
}

/**
 * Smallest side of a picture to encode. The library writes into a buffer of the picture's own size without looking at
 * its end: a JPEG's tables alone are longer than a tiny picture. From this side on, even black and white noise fits.
 */
export const minJpegSide = 64
const quality = 95
/** TJSAMP_420: half as many rows and columns of colour. */
const halfColour = 2

/**
 * A JPEG as vla-eval and Pillow write it: quality 95, colour at half the resolution.
 * @throws Error for a picture below `minJpegSide`
 */
export async function encodeJpeg({ width, height, data }: Picture): Promise<Uint8Array> {
  if (Math.min(width, height) < minJpegSide) throw new Error(`${width} x ${height} pixels are too few`)
  const lib = await libJpegTurbo()
  const encoder = new lib.JPEGEncoder()
  try {
    encoder
      .getDecodedBuffer({ width, height, bitsPerSample: 8, componentCount: 3, isSigned: false })
      .set(data)
    encoder.setQuality(quality)
    encoder.setSubSampling(halfColour)
    encoder.setProgressive(0)
    encoder.encode()
    return Uint8Array.from(encoder.getEncodedBuffer())
  } finally {
    encoder.delete()
  }
}

/** Size of the picture, from the frame header (ITU-T T.81, section B.2.2). */
function jpegSize(bytes: Uint8Array): { width: number; height: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) throw new Error('not a JPEG')
  for (let at = 2; at + 9 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1]
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
    if (isFrame) {
      const [height, width] = [view.getUint16(at + 5), view.getUint16(at + 7)]
      if (width > 0 && height > 0) return { width, height }
      break
    }
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2)
  }
  throw new Error('not a JPEG with a size')
}
