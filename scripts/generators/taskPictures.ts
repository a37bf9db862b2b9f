import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from 'fast-png'
import { initPhysics, makeEnv, suites } from '../../envs/index.js'
import { nanoConfig } from '../../policy/index.js'
import { projectRoot } from '../policies.js'

/**
 * Writes docs/images/tasks.png: a row for every task with the 640x480 camera picture at reset and in mid-episode,
 * and beside them what the policy sees, enlarged. Run: node dist/scripts/generators/taskPictures.js
 */
const frame = { width: 640, height: 480 }
const { imageWidth, imageHeight, imageCrop } = nanoConfig
const seen = { width: imageWidth, height: imageHeight, crop: imageCrop }
const enlarged = 6
const expertSteps = 9

await initPhysics()
const { tasks } = suites.get('simpler-widowx')!
const canvas = { width: 2 * frame.width + enlarged * imageWidth, height: tasks.length * frame.height }
const data = new Uint8Array(canvas.width * canvas.height * 3).fill(255)

function paste(
  image: Uint8Array,
  width: number,
  height: number,
  left: number,
  top: number,
  zoom: number,
): void {
  for (let y = 0; y < height * zoom; y++) {
    for (let x = 0; x < width * zoom; x++) {
      const from = (Math.floor(y / zoom) * width + Math.floor(x / zoom)) * 3
      data.set(image.subarray(from, from + 3), ((top + y) * canvas.width + left + x) * 3)
    }
  }
}

for (const [row, task] of tasks.entries()) {
  const top = row * frame.height
  const whole = makeEnv(task, { image: frame, placement: 'official' })
  const policy = makeEnv(task, { image: seen, placement: 'official' })
  const reset = { seed: 0, options: { episodeId: 4 } }
  paste(whole.reset(reset)[0].image, frame.width, frame.height, 0, top, 1)
  policy.reset(reset)
  let [wholeView, policyView] = [whole, policy].map((env) => env.reset(reset)[0])
  for (let step = 0; step < expertSteps; step++) {
    const action = whole.expertAction()
    wholeView = whole.step(action)[0]
    policyView = policy.step(action)[0]
  }
  paste(wholeView.image, frame.width, frame.height, frame.width, top, 1)
  paste(policyView.image, imageWidth, imageHeight, 2 * frame.width, top, enlarged)
}
const dir = join(projectRoot, 'docs', 'images')
mkdirSync(dir, { recursive: true })
writeFileSync(join(dir, 'tasks.png'), encode({ ...canvas, data, channels: 3 }))
