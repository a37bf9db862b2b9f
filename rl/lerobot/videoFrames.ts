import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'
import type { EpisodeEntry, LerobotDataset } from './read.js'
import { fillPath } from './schema.js'

/**
 * Visits the frames of a video feature, which have to lie as PNGs in a folder beside each video file.
 * @param rowOf what to call a wanted row of the dataset; -1: it is not wanted
 * @throws UserError with the ffmpeg command that makes the folder where there is none
 */
export function visitVideoFrames(
  dataset: LerobotDataset,
  camera: string,
  rowOf: Int32Array,
  visit: (row: number, bytes: Uint8Array, where: string) => void,
): void {
  for (const episode of dataset.episodes) {
    const { folder, firstFrame } = placeOf(dataset, camera, episode)
    for (let i = 0; i < episode.length; i++) {
      const row = rowOf[episode.from + i]
      if (row < 0) continue
      const path = join(folder, `${String(firstFrame + i).padStart(6, '0')}.png`)
      if (!existsSync(path))
        throw new UserError(`${path}: missing; make the frames of ${folder}.mp4 once more`)
      visit(row, readFileSync(path), path)
    }
  }
}

function placeOf({ dir, info }: LerobotDataset, camera: string, { episode, extra }: EpisodeEntry) {
  const field = (name: string): number => {
    const value = extra[`videos/${camera}/${name}`]
    if (value === undefined)
      throw new UserError(`${dir}/meta/episodes: column 'videos/${camera}/${name}' is missing`)
    return Number(value)
  }
  const video = join(
    dir,
    fillPath(String(info.video_path), {
      video_key: camera,
      chunk_index: field('chunk_index'),
      file_index: field('file_index'),
    }),
  )
  const folder = video.replace(/\.mp4$/, '')
  if (!existsSync(folder)) {
    throw new UserError(
      `${dir}, episode ${episode}: '${camera}' is a video, which is not decoded here; make its frames with ` +
        `'mkdir "${folder}" && ffmpeg -i "${video}" -fps_mode passthrough -start_number 0 "${folder}/%06d.png"'`,
    )
  }
  return { folder, firstFrame: Math.round(field('from_timestamp') * info.fps) }
}
