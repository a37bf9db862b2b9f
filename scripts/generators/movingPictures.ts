import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from 'fast-png'
import { initPhysics, makeEnv, suites } from '../../envs/index.js'
import { projectRoot } from '../policies.js'

/**
 * Writes docs/images/moving-tasks.png: three tasks of domino-widowx a row, each at reset and where the expert has got to
 * a few control steps later. Run: node dist/scripts/generators/movingPictures.js
 */
const frame = { width: 240, height: 180 }
const steps = 8
const perRow = 3

await initPhysics()
const tasks = suites
  .get('domino-widowx')!
  .tasks.filter((id) => /_l1$/.test(id) && (/_object_/.test(id) || /button/.test(id)))
const rows = Math.ceil(tasks.length / perRow)
const canvas = { width: 2 * perRow * frame.width, height: rows * frame.height }
const data = new Uint8Array(canvas.width * canvas.height * 3).fill(255)

for (const [index, task] of tasks.entries()) {
  const left = (index % perRow) * 2 * frame.width
  const top = Math.floor(index / perRow) * frame.height
  const env = makeEnv(task, { image: frame })
  let [observation] = env.reset({ seed: 3 })
  paste(observation.image, left, top)
  for (let step = 0; step < steps; step++) {
    const [next, , terminated] = env.step(env.expertAction())
    observation = next
    if (terminated) break
  }
  paste(observation.image, left + frame.width, top)
  env.close()
}
const dir = join(projectRoot, 'docs', 'images')
mkdirSync(dir, { recursive: true })
writeFileSync(join(dir, 'moving-tasks.png'), encode({ ...canvas, data, channels: 3 }))

function paste(image: Uint8Array, left: number, top: number): void {
  for (let y = 0; y < frame.height; y++) {
    const row = image.subarray(y * frame.width * 3, (y + 1) * frame.width * 3)
    data.set(row, ((top + y) * canvas.width + left) * 3)
  }
}
