import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from 'fast-png'
import { type AppearanceSpec, initPhysics, makeEnv, suites } from '../../envs/index.js'
import { nanoConfig } from '../../policy/index.js'
import { projectRoot } from '../policies.js'

/**
 * Writes docs/images/appearance.png: a row for every task, six looks for training and, after a gap, two unseen ones
 * without noise, in the part of the picture that the policy sees. Values are rounded to multiples of 4, for a small
 * file. Run: node dist/scripts/generators/appearancePicture.js
 */
const size = 120
const gap = 8
const expertSteps = 9
const image = { width: size, height: size, crop: nanoConfig.imageCrop }
const unseen: AppearanceSpec = { table: 'unseen', objects: 'unseen', light: 'unseen' }
const columns = [
  ...Array.from({ length: 6 }, (_, i) => ({ left: i * size, appearance: 'random' as const })),
  ...Array.from({ length: 2 }, (_, i) => ({ left: (6 + i) * size + gap, appearance: unseen })),
]

await initPhysics()
const { tasks } = suites.get('simpler-widowx')!
const canvas = { width: columns.length * size + gap, height: tasks.length * size }
const data = new Uint8Array(canvas.width * canvas.height * 3).fill(255)

for (const [row, task] of tasks.entries()) {
  for (const [column, { left, appearance }] of columns.entries()) {
    const env = makeEnv(task, { image, appearance })
    let [view] = env.reset({ seed: 10 * row + column })
    const steps = (column % 3) * (expertSteps / 2)
    for (let step = 0; step < steps; step++) view = env.step(env.expertAction())[0]
    for (let y = 0; y < size; y++) {
      const at = ((row * size + y) * canvas.width + left) * 3
      data.set(view.image.subarray(3 * y * size, 3 * (y + 1) * size), at)
    }
    env.close()
  }
}
const dir = join(projectRoot, 'docs', 'images')
mkdirSync(dir, { recursive: true })
writeFileSync(
  join(dir, 'appearance.png'),
  encode({ ...canvas, data: data.map((x) => x & 252), channels: 3 }, { zlib: { level: 9 } }),
)
