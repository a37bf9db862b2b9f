import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from 'fast-png'
import type { AlohaObservation } from '../../envs/aloha/alohaObservation.js'
import { initPhysics, makeEnv, suites } from '../../envs/index.js'
import { projectRoot } from '../policies.js'

/**
 * Writes docs/images/aloha-tasks.png, two tasks of domino a row: the head camera at reset, at two thirds of the expert's way
 * and at its success, and at two thirds the camera of the wrist that has moved most. Run: node dist/scripts/generators/alohaPictures.js
 */
const frame = { width: 180, height: 135 }
const [perRow, perTask] = [2, 4]
const seed = 3

await initPhysics()
const tasks = suites.get('domino')!.tasks.filter((id) => id.endsWith('_l1'))
const canvas = {
  width: perRow * perTask * frame.width,
  height: Math.ceil(tasks.length / perRow) * frame.height,
}
const data = new Uint8Array(canvas.width * canvas.height * 3)

for (const [index, task] of tasks.entries()) {
  const column = perTask * (index % perRow)
  const row = Math.floor(index / perRow)
  const env = makeEnv(task, { image: frame })
  const [start] = env.reset({ seed })
  paste(start.image, column, row)
  const states: Uint8Array[] = []
  for (let done = false; !done; ) {
    const [, , terminated, truncated] = env.step(env.expertAction())
    states.push(env.snapshot())
    done = terminated || truncated
  }
  const late = env.restore(states[Math.floor((2 / 3) * states.length)]) as AlohaObservation
  paste(late.image, column + 1, row)
  const way = (arm: number) =>
    Math.hypot(
      ...[0, 1, 2, 3, 4, 5].map((joint) => late.state[7 * arm + joint] - start.state[7 * arm + joint]),
    )
  paste(way(0) > way(1) ? late.leftWristImage : late.rightWristImage, column + 3, row)
  paste(env.restore(states.at(-1)!).image, column + 2, row)
  env.close()
}
const dir = join(projectRoot, 'docs', 'images')
mkdirSync(dir, { recursive: true })
writeFileSync(join(dir, 'aloha-tasks.png'), encode({ ...canvas, data, channels: 3 }))

function paste(image: Uint8Array, column: number, row: number): void {
  for (let y = 0; y < frame.height; y++) {
    const line = image.subarray(y * frame.width * 3, (y + 1) * frame.width * 3)
    data.set(line, ((row * frame.height + y) * canvas.width + column * frame.width) * 3)
  }
}
