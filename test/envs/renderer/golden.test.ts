import { readFileSync, writeFileSync } from 'node:fs'
import { decode, encode } from 'fast-png'
import { beforeAll, describe, expect, it } from 'vitest'
import { flatTableCamera } from '../../../envs/cameras/index.js'
import { initPhysics, makeEnv } from '../../../envs/index.js'
import { SoftwareRenderer } from '../../../envs/renderer/index.js'
import { demoScene } from './demoScene.js'

beforeAll(initPhysics)

/**
 * Compares with the picture kept under golden/; UPDATE_GOLDEN=1 keeps the new one. A trained policy has seen these
 * pictures: a few samples on an edge may fall the other way when a body rests a hair elsewhere, no more.
 */
function expectGolden(name: string, width: number, height: number, rgb: Uint8Array): void {
  const file = new URL(`golden/${name}.png`, import.meta.url)
  if (process.env.UPDATE_GOLDEN) writeFileSync(file, encode({ width, height, data: rgb, channels: 3 }))
  const golden = decode(readFileSync(file))
  expect([golden.width, golden.height, golden.channels]).toEqual([width, height, 3])
  let differing = 0
  for (let i = 0; i < rgb.length; i++) if (Math.abs(rgb[i] - golden.data[i]) > 1) differing++
  expect(differing / rgb.length).toBeLessThan(0.002)
}

describe('pictures that policies were trained on', () => {
  it.each(['widowx_stack_cube', 'widowx_carrot_on_plate'])('%s looks as it did', (task) => {
    const env = makeEnv(task, { image: { width: 80, height: 80, crop: [95, 40, 400, 400] } })
    const [observation] = env.reset({ options: { episodeId: 5 } })
    expectGolden(task, 80, 80, observation.image)
    env.close()
  })

  it('the demonstration scene, with its shadows, looks as it did', () => {
    const camera = flatTableCamera().cropped([95, 40, 400, 400], 100, 100)
    const renderer = new SoftwareRenderer({ width: 100, height: 100, supersample: 2 })
    expectGolden('demo-scene', 100, 100, renderer.rgb(demoScene(), camera))
  })
})
