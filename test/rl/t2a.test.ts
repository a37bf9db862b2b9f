import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Rng } from '@vla-gym/gymnasium'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tasks } from '../../envs/tasks/registry.js'
import {
  embodimentPrompt,
  loadPolicyData,
  nanoConfigWith,
  newPolicy,
  PolicyRuntime,
  savePolicy,
} from '../../policy/index.js'
import { lastCheckpoint } from '../../rl/checkpoint.js'
import { type T2aConfig, t2aOptions, trainT2a } from '../../rl/stages/t2a.js'
import type { TextExamples } from '../../rl/textToAction/corpus.js'
import { lengthened, shortened } from '../../rl/textToAction/longExpert.js'
import { actionsOf } from '../../rl/textToAction/motions.js'
import { syntheticRobots } from '../../rl/textToAction/robots.js'
import { cosine, displacement, sampleActions } from '../../rl/textToAction/understanding.js'
import { widowx } from '../policy/fixtures.js'
import { randomPolicy } from './testPolicy.js'

const root = mkdtempSync(join(tmpdir(), 'vla-gym-t2a-'))
const at = (name: string) => join(root, name)
afterAll(() => rmSync(root, { recursive: true, force: true }))

// A fifth of nano, for speed: what is learnt here is text, not pictures.
const config = nanoConfigWith({
  imageWidth: 40,
  imageHeight: 40,
  stemWidth: 8,
  keypoints: 2,
  width: 64,
  backboneLayers: 1,
  ditLayers: 2,
})
const defaults = Object.fromEntries(
  Object.entries(t2aOptions).map(([name, option]) => [name, option.default]),
) as unknown as T2aConfig
// One thread: sums over several threads need not come in the same order.
const stage = { init: at('init'), seed: 0, threads: 1, sequence: 'chunk' as const }
const initial = newPolicy(config, randomPolicy(0).manifest.embodiments, 0)
beforeAll(() => savePolicy(at('init'), initial))

/** Bytes of the trained weights, by name. */
function weightsOf(run: string): Record<string, string> {
  const { parameters } = loadPolicyData(lastCheckpoint(run)!)
  return Object.fromEntries(
    [...parameters].map(([name, { data }]) => [name, Buffer.from(data.buffer).toString('base64')]),
  )
}

describe('text to action', () => {
  const learning: T2aConfig = {
    ...defaults,
    steps: 250,
    syntheticExamples: 2048,
    batchSize: 64,
    lr: 3e-3,
    evaluateEvery: 50,
  }
  const heldOut: Record<string, number>[] = []

  it('understands instructions that it never saw', async () => {
    const onProgress = (_: number, fields: Record<string, number>) => {
      if (fields.heldOutFlowLoss && !fields.loss) heldOut.push(fields)
    }
    const t0 = performance.now()
    await trainT2a({ ...stage, out: at('learnt'), config: learning, onProgress })
    console.log(performance.now() - t0, heldOut)
    const [first, last] = [heldOut[0], heldOut.at(-1)!]
    expect(last.heldOutFlowLoss).toBeLessThan(0.6 * first.heldOutFlowLoss)
    expect(last.heldOutDirectionCosine).toBeGreaterThan(0.7)
  })
})
