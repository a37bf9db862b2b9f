import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Rng } from '@vla-gym/gymnasium'
import { describe, expect, it } from 'vitest'
import { projectPoint } from '../../../envs/cameras/index.js'
import { widowx } from '../../../envs/embodiments.js'
import {
  knownWordings,
  placeWording,
  putOnWordings,
  spatialWordings,
} from '../../../envs/language/wordings.js'
import { graspables, receptacles, splits } from '../../../envs/objects/index.js'
import { tasks } from '../../../envs/tasks/registry.js'
import { embodimentPrompt, loadTokenizer, nanoConfig } from '../../../policy/index.js'

const tokenizer = loadTokenizer(
  readFileSync(join(import.meta.dirname, '../../../assets/tokenizer/tokenizer.json'), 'utf8'),
)
const UNKNOWN = 1

/** Every thing once, with one of the others. */
const putOnAll = splits.flatMap((split) => [
  ...graspables[split].map(({ words }, i) => putOnWordings(words, receptacles[split][i % 8].words)),
])
const perTask = [...[...tasks.keys()].map(knownWordings), ...Object.values(spatialWordings)]

describe('wordings', () => {
  it("begin with the original's sentence", () => {
    for (const [id, { instruction }] of tasks) expect(knownWordings(id).seen[0]).toBe(instruction)
    expect(putOnWordings('carrot', 'plate').seen[0]).toBe(tasks.get('widowx_carrot_on_plate')!.instruction)
  })

  it('of training and of tests are disjoint, and no sentence is there twice', () => {
    for (const { seen, unseen } of [...perTask, ...putOnAll]) {
      const sentences = [...seen, ...unseen]
      expect(new Set(sentences).size).toBe(sentences.length)
      expect(seen.length).toBeGreaterThan(0)
      expect(unseen.length).toBeGreaterThan(0)
    }
    for (const id of tasks.keys()) {
      expect(knownWordings(id).seen.length).toBeGreaterThanOrEqual(5)
      expect(knownWordings(id).unseen.length).toBeGreaterThanOrEqual(16)
    }
  })

  it("are all in nano's vocabulary, and their prompts fit", () => {
    const places = [...tasks].flatMap(([id, task]) => {
      const rng = Rng.fromSeed(1)
      return Array.from({ length: 20 }, () => placeWording(id, task.random(rng)))
    })
    const sentences = new Set([...perTask, ...putOnAll].flatMap(({ seen, unseen }) => [...seen, ...unseen]))
    const prompts = [...sentences, ...places].map((text) =>
      embodimentPrompt(widowx, nanoConfig.chunkSize, text),
    )
    // Twice as long as nano's: the last token of a prompt that fits is a 0 behind it.
    const length = 2 * nanoConfig.promptLength
    const tokens = tokenizer.encodePrompts(prompts, length)
    for (const [i, prompt] of prompts.entries()) {
      const row = Array.from(tokens.subarray(i * length, (i + 1) * length), Number)
      expect(row, prompt).not.toContain(UNKNOWN)
      expect(
        row.slice(nanoConfig.promptLength).every((token) => token === 0),
        prompt,
      ).toBe(true)
    }
  })

  it('of places agree with the camera', () => {
    const rng = Rng.fromSeed(2)
    const words = new Set<string>()
    for (const [id, task] of tasks) {
      const camera = task.scene.camera()
      for (let i = 0; i < 40; i++) {
        const placement = task.random(rng)
        const said = placeWording(id, placement)
        const [source, target] = [placement.source, placement.target].map(({ x, y }) =>
          projectPoint(camera, [x, y, task.scene.surface]),
        )
        const from = /thing (on the left|on the right|in front|behind)/.exec(said)![1]
        words.add(from)
        if (from === 'on the left') expect(source.u).toBeLessThan(target.u)
        if (from === 'on the right') expect(source.u).toBeGreaterThan(target.u)
        if (from === 'in front') expect(source.v).toBeGreaterThan(target.v)
        if (from === 'behind') expect(source.v).toBeLessThan(target.v)
      }
    }
    expect(words.size).toBe(4)
  })
})
