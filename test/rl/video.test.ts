import { UserError } from '@vla-gym/gymnasium'
import { describe, expect, it } from 'vitest'
import { encodeMp4, tileFrames, type VideoFrame } from '../../rl/video.js'

/** A white square moving over a colour gradient. */
function movie(length: number, width = 64, height = 48): VideoFrame[] {
  return Array.from({ length }, (_, t) => {
    const data = new Uint8Array(width * height * 3)
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const inside = Math.abs(x - 2 * t - 8) < 6 && Math.abs(y - height / 2) < 6
        data.set(inside ? [255, 255, 255] : [4 * x, 5 * y, 40], 3 * (y * width + x))
      }
    }
    return { width, height, data }
  })
}

/** Payload of the first box found along a path of box types. */
function findBox(bytes: Uint8Array, ...path: string[]): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at) || bytes.length - at
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    if (type === path[0]) {
      const payload = bytes.subarray(at + 8, at + size)
      return path.length === 1 ? payload : findBox(payload, ...path.slice(1))
    }
    at += size
  }
  throw new Error(`no box ${path[0]}`)
}

/** Seconds, from the movie header. */
function duration(mp4: Uint8Array): number {
  const header = findBox(mp4, 'moov', 'mvhd')
  const view = new DataView(header.buffer, header.byteOffset)
  return view.getUint32(16) / view.getUint32(12)
}

describe('encodeMp4', () => {
  it.each([
    [10, 5],
    [30, 25],
  ])('%i frames at %i a second', async (length, fps) => {
    const mp4 = await encodeMp4(movie(length), fps)
    expect(String.fromCharCode(...mp4.subarray(4, 8))).toBe('ftyp')
    expect(findBox(mp4, 'mdat').length).toBeGreaterThan(100)
    expect(Math.abs(duration(mp4) - length / fps)).toBeLessThanOrEqual(1.01 / fps)
  })

  it('pads odd sizes to even ones, encodes two at a time, and leaves no error handlers behind', async () => {
    const count = () => [
      process.listenerCount('uncaughtException'),
      process.listenerCount('unhandledRejection'),
    ]
    const before = count()
    const [odd, even] = await Promise.all([encodeMp4(movie(3, 33, 21), 5), encodeMp4(movie(3, 64, 48), 5)])
    expect(count()).toEqual(before)
    const size = (mp4: Uint8Array) => {
      const header = findBox(mp4, 'moov', 'trak', 'tkhd')
      const view = new DataView(header.buffer, header.byteOffset + header.length - 8)
      return [view.getUint32(0) / 65536, view.getUint32(4) / 65536]
    }
    expect([size(odd), size(even)]).toEqual([
      [34, 22],
      [64, 48],
    ])
  })

  it('refuses no frames and frames that differ', async () => {
    await expect(encodeMp4([], 5)).rejects.toThrow(UserError)
    await expect(encodeMp4([...movie(1), ...movie(1, 32)], 5)).rejects.toThrow('not 32 x 48')
  })
})

describe('tileFrames', () => {
  const [w, h] = [6, 4]
  const plain = (value: number): VideoFrame => ({
    width: w,
    height: h,
    data: new Uint8Array(w * h * 3).fill(value),
  })

  it('lays episodes out row by row in borders of their outcome, holding last frames', () => {
    const sheet = tileFrames(
      [
        { frames: [plain(10), plain(20), plain(30)], success: true },
        { frames: [plain(40)], success: false },
        { frames: [plain(50), plain(60)], success: true },
      ],
      2,
    )
    expect(sheet.length).toBe(3)
    const last = sheet[2]
    expect([last.width, last.height]).toEqual([2 * (w + 8), 2 * (h + 8)])
    const at = (x: number, y: number) => [
      ...last.data.subarray(3 * (y * last.width + x), 3 * (y * last.width + x) + 3),
    ]
    const centre = (column: number, row: number) => at(column * (w + 8) + 7, row * (h + 8) + 6)[0]
    expect([centre(0, 0), centre(1, 0), centre(0, 1), centre(1, 1)]).toEqual([30, 40, 60, 0])
    const isGreen = ([r, g]: number[]) => g > 2 * r
    const corners = [at(0, 0), at(w + 8, 0), at(2 * (w + 8) - 1, h + 7), at(0, h + 8)]
    expect(corners.map(isGreen)).toEqual([true, false, false, true])
    expect(at(3, 3)).toEqual(at(0, 0))
    expect(at(4, 4)).toEqual([30, 30, 30])
  })

  it('refuses empty sheets and mixed sizes', () => {
    expect(() => tileFrames([], 2)).toThrow(UserError)
    expect(() => tileFrames([{ frames: [], success: true }], 2)).toThrow(UserError)
    const mixed = [{ frames: [plain(1), ...movie(1)], success: true }]
    expect(() => tileFrames(mixed, 1)).toThrow(UserError)
  })
})
