import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from 'fast-png'
import { createPinholeCamera, lookAt } from '../../envs/cameras/index.js'
import { initPhysics, makeEnv, suites } from '../../envs/index.js'
import { ManipulationView } from '../../envs/manipulationView.js'
import { graspables, receptacles, splits } from '../../envs/objects/index.js'
import { widowx250s } from '../../envs/robots/widowx250s.js'
import { flatTable, TABLE_TOP } from '../../envs/scenes/flatTable.js'
import { Scene } from '../../envs/scenes/scene.js'
import { nanoConfig } from '../../policy/index.js'
import { projectRoot } from '../policies.js'

/**
 * Writes docs/images/ood-kinds.png: a row for every kind of suite simpler-ood in the suite's order, four official
 * episodes at their start and, after a gap, one as its expert goes on, as the policy's crop shows them; and
 * docs/images/ood-objects.png: things of the training split and, below, the unseen ones. Values are rounded to
 * multiples of 4, for a small file. Run: node dist/scripts/generators/oodPictures.js
 */
const size = 120
const gap = 8
const starts = 4
const later = [4, 8, 16]
const crop = nanoConfig.imageCrop

class Canvas {
  readonly width: number
  readonly height: number
  private readonly data: Uint8Array

  constructor(width: number, height: number) {
    this.width = width
    this.height = height
    this.data = new Uint8Array(width * height * 3).fill(255)
  }

  paste(image: Uint8Array, width: number, left: number, top: number): void {
    for (let y = 0; y < image.length / (3 * width); y++) {
      const row = image.subarray(3 * y * width, 3 * (y + 1) * width)
      this.data.set(row, ((top + y) * this.width + left) * 3)
    }
  }

  write(name: string): void {
    const dir = join(projectRoot, 'docs', 'images')
    mkdirSync(dir, { recursive: true })
    const { width, height } = this
    const data = this.data.map((x) => x & 252)
    writeFileSync(join(dir, name), encode({ width, height, data, channels: 3 }, { zlib: { level: 9 } }))
  }
}

function kinds(): void {
  const { tasks } = suites.get('simpler-ood')!
  const canvas = new Canvas((starts + later.length) * size + gap, tasks.length * size)
  for (const [row, task] of tasks.entries()) {
    const env = makeEnv(task, { image: { width: size, height: size, crop } })
    for (let episodeId = 0; episodeId < starts; episodeId++) {
      const [{ image }] = env.reset({ options: { episodeId } })
      canvas.paste(image, size, episodeId * size, row * size)
    }
    let [view] = env.reset({ options: { episodeId: 0 } })
    for (let step = 0, column = starts; column < starts + later.length; column++) {
      for (; step < later[column - starts]; step++) view = env.step(env.expertAction())[0]
      canvas.paste(view.image, size, column * size + gap, row * size)
    }
    env.close()
  }
  canvas.write('ood-kinds.png')
}

/** Seen from across the table, things in rows of eight, receptacles nearest to the camera. */
function objects(): void {
  const frame = { width: 640, height: 220 }
  const canvas = new Canvas(frame.width, splits.length * frame.height)
  const eye = lookAt([-1.16, 0.02, 1.5], [-0.34, 0.02, TABLE_TOP])
  const camera = createPinholeCamera({ ...flatTable.camera(), ...eye })
  for (const [row, split] of splits.entries()) {
    const things = [...graspables[split], ...receptacles[split]].map(({ spec }) => spec)
    const scene = new Scene(flatTable, widowx250s, things)
    scene.reset()
    for (const i of things.keys()) {
      const line = Math.floor(i / 8)
      scene.place(
        i,
        [-0.27, -0.34, -0.43][line],
        0.02 - 0.117 * ((i % 8) - 3.5) * (line < 2 ? 0.8 : 1),
        Math.PI,
      )
    }
    scene.settle()
    const view = new ManipulationView(scene, { ...frame, crop: [0, 110, 640, 220] }, camera)
    canvas.paste(view.render(), frame.width, 0, row * frame.height)
    scene.close()
  }
  canvas.write('ood-objects.png')
}

await initPhysics()
objects()
kinds()
