import { UserError } from '@vla-gym/gymnasium'

/** One picture: rgb, row-major [height, width, 3]. */
export interface VideoFrame {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/** An episode to show on a contact sheet. */
export interface EpisodeVideo {
  readonly frames: readonly VideoFrame[]
  readonly success: boolean
}

const green = [46, 160, 67]
const red = [218, 54, 51]
const borderWidth = 4

/**
 * An mp4 (H.264, playable by browsers) of frames of one size. Odd sizes are padded by one row or column, which H.264
 * needs. About 20 ms a frame of 320 x 240 on one core, all of it in this thread.
 * @throws UserError for no frames or frames of different sizes
 */
export async function encodeMp4(frames: readonly VideoFrame[], fps: number): Promise<Uint8Array> {
  if (frames.length === 0) throw new UserError('encodeMp4: no frames')
  const { width, height } = sizeOfAll(frames)
  const encoder = await createEncoder()
  try {
    encoder.outputFilename = `${encodings++}.mp4`
    encoder.width = width + (width % 2)
    encoder.height = height + (height % 2)
    encoder.frameRate = fps
    encoder.quantizationParameter = 24
    encoder.speed = 5
    encoder.initialize()
    for (const frame of frames) encoder.addFrameRgba(toRgba(frame, encoder.width, encoder.height))
    encoder.finalize()
    const bytes = encoder.FS.readFile(encoder.outputFilename)
    encoder.FS.unlink(encoder.outputFilename)
    return bytes
  } finally {
    encoder.delete()
  }
}

/** The encoder's file system is shared by all of its instances, so each encoding needs a name of its own. */
let encodings = 0

async function createEncoder() {
  const events = ['uncaughtException', 'unhandledRejection'] as const
  const own = events.map((event) => process.listeners(event as 'uncaughtException'))
  const { default: library } = await import('h264-mp4-encoder')
  const encoder = await library.createH264MP4Encoder()
  // Its runtime listens for every error of the process and would report other people's as its own.
  for (const [i, event] of events.entries()) {
    for (const listener of process.listeners(event as 'uncaughtException')) {
      if (!own[i].includes(listener)) process.off(event, listener)
    }
  }
  return encoder
}

function sizeOfAll(frames: readonly VideoFrame[]): { width: number; height: number } {
  const { width, height } = frames[0]
  for (const frame of frames) {
    if (frame.width !== width || frame.height !== height || frame.data.length !== 3 * width * height) {
      throw new UserError(
        `video frames must all be ${width} x ${height} with 3 bytes a pixel, ` +
          `not ${frame.width} x ${frame.height} with ${frame.data.length} bytes`,
      )
    }
  }
  return { width, height }
}

function toRgba({ width, height, data }: VideoFrame, outWidth: number, outHeight: number): Uint8Array {
  const out = new Uint8Array(outWidth * outHeight * 4).fill(255)
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      const from = 3 * (Math.min(y, height - 1) * width + Math.min(x, width - 1))
      const to = 4 * (y * outWidth + x)
      for (let channel = 0; channel < 3; channel++) out[to + channel] = data[from + channel]
    }
  }
  return out
}

/**
 * One video of several episodes side by side, row by row, each in a green border if it succeeds and a red one if not.
 * As long as the longest episode; the others stay at their last frame.
 * @throws UserError for no episodes, an episode without frames, or frames of different sizes
 */
export function tileFrames(videos: readonly EpisodeVideo[], columns: number): VideoFrame[] {
  if (videos.length === 0 || !(columns >= 1) || videos.some(({ frames }) => frames.length === 0)) {
    throw new UserError('tileFrames: needs at least one column, one episode, and one frame of every episode')
  }
  const size = sizeOfAll(videos.flatMap(({ frames }) => frames))
  const across = Math.min(columns, videos.length)
  const tileWidth = size.width + 2 * borderWidth
  const tileHeight = size.height + 2 * borderWidth
  const width = across * tileWidth
  const height = Math.ceil(videos.length / across) * tileHeight
  const length = Math.max(...videos.map(({ frames }) => frames.length))
  return Array.from({ length }, (_, t) => {
    const data = new Uint8Array(width * height * 3)
    for (const [i, { frames, success }] of videos.entries()) {
      const left = (i % across) * tileWidth
      const top = Math.floor(i / across) * tileHeight
      fillRectangle(data, width, left, top, tileWidth, tileHeight, success ? green : red)
      const frame = frames[Math.min(t, frames.length - 1)]
      for (let y = 0; y < size.height; y++) {
        const row = frame.data.subarray(3 * y * size.width, 3 * (y + 1) * size.width)
        data.set(row, 3 * ((top + borderWidth + y) * width + left + borderWidth))
      }
    }
    return { width, height, data }
  })
}

function fillRectangle(
  data: Uint8Array,
  stride: number,
  left: number,
  top: number,
  width: number,
  height: number,
  colour: readonly number[],
): void {
  for (let y = top; y < top + height; y++) {
    for (let x = left; x < left + width; x++) data.set(colour, 3 * (y * stride + x))
  }
}

/** Control frequency of the tasks times two: twice real time keeps videos short. */
const episodeFps = 10

/** One video of several episodes side by side, at twice real time; null when none was rendered. */
export async function episodesVideo(episodes: readonly EpisodeVideo[]): Promise<Uint8Array | null> {
  return episodes.length === 0 ? null : encodeMp4(tileFrames(episodes, 4), episodeFps)
}
