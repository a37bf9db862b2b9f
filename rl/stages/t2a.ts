import { Rng, UserError } from '@vla-gym/gymnasium'
import {
  checkDevice,
  loadPolicyData,
  type NanoConfig,
  type PolicyData,
  type PolicyManifest,
  quantileStats,
} from '../../policy/index.js'
import { createOrtBackend } from '../backend/ortBackend.js'
import { resolvePolicyDir } from '../checkpoint.js'
import { checkStatistics, type Demonstration, loadDataset } from '../dataset.js'
import { splitHeldOut } from '../frames.js'
import { jointFlowMatchingLoss } from '../losses/flowMatching.js'
import { openRunFolder } from '../runFolder.js'
import {
  demonstrationExamples,
  syntheticExamples,
  type TextExamples,
  withSyntheticRobots,
} from '../textToAction/corpus.js'
import { encodeExamples } from '../textToAction/encodedExamples.js'
import type { Split } from '../textToAction/instructions.js'
import { lengthened, shortened } from '../textToAction/longExpert.js'
import { draw, flowFeeds } from '../textToAction/minibatch.js'
import { wordLearner } from '../textToAction/newWords.js'
import { flowLoss, understanding } from '../textToAction/understanding.js'
import { trainableDit } from '../trainableDit.js'
import { backendSettings, policyWeights, settingsInUse } from './backendSettings.js'
import type { StageOptions } from './grounding.js'
import { withRuntime } from './sft.js'
import { optimiserOptions, trainSupervised } from './supervised.js'

/** Settings of `train t2a`. The descriptions are the command's help. */
export const t2aOptions = {
  steps: { default: 2000, help: 'optimiser steps' },
  syntheticExamples: { default: 8192, help: 'instructions from templates, equally many for every robot' },
  syntheticShare: { default: 0.2, help: 'share of them in a minibatch when there is a dataset' },
  frameStride: { default: 2, help: 'every so many control steps of a demonstration an example begins' },
  sequenceLength: { default: 32, help: 'control steps of a full sequence' },
  batchSize: { default: 128, help: 'examples in a minibatch' },
  ...optimiserOptions,
} as const

export type T2aConfig = { -readonly [K in keyof typeof t2aOptions]: number }

export interface T2aStageOptions extends Omit<StageOptions, 'data'> {
  readonly config: T2aConfig
  readonly init: string
  /** Demonstrations, whose pictures are not looked at; absent: synthetic examples only. */
  readonly data?: string
  /** What the action expert predicts: a chunk, or sequences of `sequenceLength` steps. */
  readonly sequence: 'chunk' | 'full'
}

/** Held-out instructions that sampled chunks are compared with. */
const heldOutInstructions = 512

/**
 * Text to action (Qwen-VLA's first stage): the action expert learns what instructions mean from text and robot state
 * alone, by flow matching, on synthetic instructions and on demonstrations without pictures. The backbone is frozen.
 * The policy that comes out predicts chunks of the usual size, whatever it was trained on.
 * @throws UserError for a dataset that does not fit the policy, or a full sequence that its action expert cannot learn
 */
export async function trainT2a(options: T2aStageOptions): Promise<Record<string, number>> {
  const { config, seed, sequence } = options
  await checkDevice(options.device)
  const loaded = loadPolicyData(resolvePolicyDir(options.init))
  const { chunkSize } = loaded.manifest.config
  const full = sequence === 'full'
  const length = full ? config.sequenceLength : chunkSize
  const real = options.data === undefined ? null : await demonstrationsFor(loaded, options.data, options.init)
  const embodiments = withSyntheticRobots({ ...loaded.manifest.embodiments, ...real?.embodiments }, length)
  const initial = { ...loaded, manifest: { ...loaded.manifest, embodiments } }
  const learner = full ? lengthened(initial, length, seed) : initial
  const nano = learner.manifest.config

  const run = openRunFolder(options.out, {
    stage: 't2a',
    init: options.init,
    data: options.data ?? null,
    sequence,
    seed,
    ...settingsInUse({ ema: options.ema }),
    ...config,
  })
  const { training, heldOut } = corpusFor(initial, real, nano, options)
  const expert = trainableDit(learner)
  const words = wordLearner(initial, real?.training.map(({ instruction }) => instruction) ?? [])
  const backend = await createOrtBackend(jointFlowMatchingLoss(nano, words.model, expert.model), {
    loss: 'loss',
    groups: [{ parameters: [...words.trained, ...expert.trained], lr: 'lr' }],
    maxGradNorm: config.maxGradNorm,
    beta2: 0.99,
    threads: options.threads,
    device: options.device,
    ...backendSettings({ ema: options.ema }),
  })
  const policy = (): PolicyData => {
    const values = backend.parameters(policyWeights(options))
    const learnt = words.weights(values)
    for (const name of words.trained) values.delete(name)
    const parameters = new Map([...learner.parameters, ...learnt, ...expert.weights(values)])
    const trained = { ...learner, parameters }
    return full ? shortened(trained, chunkSize) : trained
  }
  const syntheticRows = training.demonstrations
    ? Math.round(config.syntheticShare * config.batchSize)
    : config.batchSize

  const result = await trainSupervised({
    stage: 't2a',
    run,
    backend,
    steps: config.steps,
    lr: config.lr,
    warmupSteps: config.warmupSteps,
    evaluateEvery: config.evaluateEvery,
    signal: options.signal,
    onProgress: options.onProgress,
    policy,
    batch(step) {
      const rng = Rng.fromSeed(seed, 'minibatch', step)
      const draws = [draw(training.synthetic, syntheticRows, rng)]
      if (training.demonstrations)
        draws.push(draw(training.demonstrations, config.batchSize - syntheticRows, rng))
      return flowFeeds(draws, nano, Rng.fromSeed(seed, 'flow', step))
    },
    evaluate: () =>
      withRuntime(policy(), options, async (runtime) => {
        const { synthetic, demonstrations } = heldOut
        return {
          heldOutFlowLoss: await flowLoss(runtime, synthetic, seed),
          ...(demonstrations && { heldOutDemonstrationLoss: await flowLoss(runtime, demonstrations, seed) }),
          ...(await understanding(runtime, synthetic, seed)),
        }
      }),
  })
  await backend.release()
  run.metrics.close()
  return result
}

interface Demonstrations {
  readonly embodiment: string
  /** The embodiment's entry with the dataset's action statistics. */
  readonly embodiments: PolicyManifest['embodiments']
  readonly training: readonly Demonstration[]
  readonly heldOut: readonly Demonstration[]
}

/** Opens a dataset for a policy, whose action statistics become the dataset's, as in supervised fine-tuning. */
async function demonstrationsFor(policy: PolicyData, dir: string, init: string): Promise<Demonstrations> {
  const dataset = await loadDataset(dir)
  const { embodiment, actionDim } = dataset.info
  const known = policy.manifest.embodiments[embodiment]
  if (!known)
    throw new UserError(`${init}: the policy does not know the dataset's embodiment '${embodiment}'`)
  checkStatistics(dataset, known, init)
  const { training, heldOut } = splitHeldOut(dataset.demonstrations)
  const { chunkSize } = policy.manifest.config
  const { actions } = demonstrationExamples(training, known.description, chunkSize, 1)
  const entry = { ...known, actionStats: quantileStats(actions, actionDim) }
  return { embodiment, embodiments: { [embodiment]: entry }, training, heldOut }
}

/** Examples to learn from, and held-out ones, which are chunks: it is the policy that comes out which is judged. */
function corpusFor(
  policy: PolicyData,
  real: Demonstrations | null,
  learner: NanoConfig,
  { config, seed }: T2aStageOptions,
) {
  const { embodiments, config: nano } = policy.manifest
  const synthetic = (split: Split, count: number, length: number) =>
    syntheticExamples(embodiments, count, length, split, seed)
  const demonstrations = (part: 'training' | 'heldOut', length: number) => {
    if (!real) return null
    const { description } = embodiments[real.embodiment]
    return [demonstrationExamples(real[part], description, length, config.frameStride)]
  }
  const encode = (groups: readonly TextExamples[]) => encodeExamples(policy, groups, learner)
  const learnt = demonstrations('training', learner.chunkSize)
  return {
    training: {
      synthetic: encode(synthetic('training', config.syntheticExamples, learner.chunkSize)),
      demonstrations: learnt && encode(learnt),
    },
    heldOut: {
      synthetic: synthetic('held-out', heldOutInstructions, nano.chunkSize),
      demonstrations: demonstrations('heldOut', nano.chunkSize),
    },
  }
}
