import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from 'fast-png'
import { initPhysics, makeEnv } from '../../envs/index.js'
import { projectRoot } from '../policies.js'

/**
 * Writes docs/images/google-robot.png, two pictures of each task by the scripted expert, and google-robot-variants.png, one
 * of each variant. Run: node dist/scripts/generators/googleRobotPictures.js
 */
const size = { width: 320, height: 256 }
const columns = 4

/** Task, official episode, control steps of the expert before the picture. */
type Shot = readonly [task: string, episodeId: number, steps: number]

const tasks: readonly Shot[] = [
  ['google_robot_pick_horizontal_can', 12, 0],
  ['google_robot_pick_vertical_can', 12, 17],
  ['google_robot_pick_standing_can', 12, 0],
  ['google_robot_pick_standing_can', 12, 24],
  ['google_robot_move_near', 0, 0],
  ['google_robot_move_near', 24, 26],
  ['google_robot_move_near', 36, 0],
  ['google_robot_close_middle_drawer', 0, 0],
  ['google_robot_open_top_drawer', 0, 24],
  ['google_robot_open_middle_drawer', 1, 30],
  ['google_robot_open_bottom_drawer', 5, 0],
  ['google_robot_close_bottom_drawer', 3, 26],
  ['google_robot_place_apple_in_closed_top_drawer', 9, 0],
  ['google_robot_place_apple_in_closed_top_drawer', 9, 72],
  ['google_robot_place_apple_in_closed_top_drawer', 9, 84],
  ['google_robot_pick_horizontal_can', 87, 14],
]

const variants: readonly Shot[] = [
  ...[0, 1, 2, 3, 4, 5, 6, 7, 8].map(
    (v): Shot => ['google_robot_variants_pick_standing_can', 12 + 25 * v, 0],
  ),
  ...[0, 1, 2, 3, 4, 5, 6].map((v): Shot => ['google_robot_variants_close_top_drawer', 4 + 9 * v, 0]),
]

await initPhysics()
const dir = join(projectRoot, 'docs', 'images')
mkdirSync(dir, { recursive: true })
write('google-robot.png', tasks)
write('google-robot-variants.png', variants)

function write(name: string, shots: readonly Shot[]): void {
  const canvas = { width: columns * size.width, height: Math.ceil(shots.length / columns) * size.height }
  const data = new Uint8Array(canvas.width * canvas.height * 3).fill(255)
  for (const [i, shot] of shots.entries()) {
    const image = take(shot)
    const [left, top] = [(i % columns) * size.width, Math.floor(i / columns) * size.height]
    for (let y = 0; y < size.height; y++) {
      const row = image.subarray(y * size.width * 3, (y + 1) * size.width * 3)
      data.set(row, ((top + y) * canvas.width + left) * 3)
    }
  }
  writeFileSync(join(dir, name), encode({ ...canvas, data, channels: 3 }))
}

function take([task, episodeId, steps]: Shot): Uint8Array {
  const env = makeEnv(task, { image: size })
  let [observation] = env.reset({ seed: 0, options: { episodeId } })
  for (let i = 0; i < steps; i++) observation = env.step(env.expertAction())[0]
  const { image } = observation
  env.close()
  return image
}
