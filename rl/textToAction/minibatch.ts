import { Rng } from '@vla-gym/gymnasium'
import { hiddenTokens, type NanoConfig, type PolicyRuntime } from '../../policy/index.js'
import type { Feeds } from '../backend/trainingBackend.js'
import { gather } from '../frames.js'
import type { EncodedExamples } from './encodedExamples.js'

/** Flow times are more often in the middle: t = sigmoid(1.2 z), z normal; the same as in supervised fine-tuning. */
const timestepScale = 1.2

/** Rows of one kind of examples that go into a minibatch. */
export interface Draw {
  readonly examples: EncodedExamples
  readonly rows: Uint32Array
}

/** `count` rows drawn from some examples. */
export const draw = (examples: EncodedExamples, count: number, rng: Rng): Draw => ({
  examples,
  rows: Uint32Array.from({ length: count }, () => rng.integers(0, examples.count)),
})

/**
 * Inputs of the flow-matching loss: hiddenStates [batch, L, width], actions, noise and mask [batch, length, K],
 * timestep [batch].
 * @param config sizes of the action expert that learns: `chunkSize` is the examples' length
 */
export function flowFeeds(draws: readonly Draw[], config: NanoConfig, rng: Rng) {
  const { chunkSize, actionDim, width } = config
  const batch = draws.reduce((sum, { rows }) => sum + rows.length, 0)
  const tensor = (shape: number[], data: Float32Array) => ({ dtype: 'float32', shape, data }) as const
  const joined = (field: 'hiddenStates' | 'actions' | 'mask', shape: number[]) => {
    const size = shape.reduce((product, n) => product * n)
    const out = new Float32Array(batch * size)
    let row = 0
    for (const { examples, rows } of draws) {
      out.set(gather(examples[field], rows, size), row * size)
      row += rows.length
    }
    return tensor([batch, ...shape], out)
  }
  const chunk = [chunkSize, actionDim]
  const noise = rng.fillNormal(new Float32Array(batch * chunkSize * actionDim))
  const time = () => 1 / (1 + Math.exp(-timestepScale * rng.normal()))
  return {
    hiddenStates: joined('hiddenStates', [hiddenTokens(config), width]),
    actions: joined('actions', chunk),
    mask: joined('mask', chunk),
    noise: tensor([batch, ...chunk], noise),
    timestep: tensor([batch], Float32Array.from({ length: batch }, time)),
  } satisfies Feeds
}

/** Examples that a held-out loss is computed on. */
const heldOutExamples = 512

/** Flow-matching loss of a policy, mean over real actions; the same examples, times and noise every time. */
export async function flowLoss(
  runtime: PolicyRuntime,
  examples: EncodedExamples,
  seed: number,
): Promise<number> {
  const rng = Rng.fromSeed(seed, 'held-out')
  const rows = draw(examples, Math.min(heldOutExamples, examples.count), rng)
  const feeds = flowFeeds([rows], runtime.config, rng)
  const [actions, noise, mask, t] = [feeds.actions, feeds.noise, feeds.mask, feeds.timestep].map(
    (x) => x.data,
  )
  const chunk = actions.length / t.length
  const x = actions.map((a, i) => a + t[Math.floor(i / chunk)] * (noise[i] - a))
  const velocity = await runtime.velocity(t.length, feeds.hiddenStates.data, x, t)
  let sum = 0
  let count = 0
  for (let i = 0; i < velocity.length; i++) {
    sum += mask[i] * (velocity[i] - (noise[i] - actions[i])) ** 2
    count += mask[i]
  }
  return sum / count
}
