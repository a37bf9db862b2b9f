/**
 * Time and peak memory of a large policy on this machine, one line of JSON: loading the folder, a forward pass and a
 * LoRA training step of its action expert at batch 1. Used for docs/policy.md:
 *
 *     npx vla-gym policy new --preset qwen-vla --out runs/qwen-vla
 *     node dist/scripts/generators/measureScale.js runs/qwen-vla
 */
import { Rng } from '@vla-gym/gymnasium'
import { countParameters, hiddenTokens, loadPolicyData, PolicyRuntime } from '../../policy/index.js'
import { createOrtBackend } from '../../rl/backend/ortBackend.js'
import { flowMatchingLoss } from '../../rl/losses/flowMatching.js'
import { describeMachine } from '../../rl/machine.js'
import { trainableDit } from '../../rl/trainableDit.js'

const [folder, rank = '8', threads = '2'] = process.argv.slice(2)
const repeats = 5

const peakMB = () => Math.round(process.resourceUsage().maxRSS / 1024)

/** Median seconds of a call, and the peak of the process until its end. */
async function measure<T>(times: number, call: () => Promise<T> | T) {
  const seconds: number[] = []
  let result!: T
  for (let i = 0; i < times; i++) {
    const start = performance.now()
    result = await call()
    seconds.push((performance.now() - start) / 1000)
  }
  const median = seconds.sort((a, b) => a - b)[times >> 1]
  return { result, figures: { seconds: Number(median.toFixed(2)), peakMB: peakMB() } }
}

const load = await measure(1, () => loadPolicyData(folder))
const policy = load.result
const { config } = policy.manifest
const rng = Rng.fromSeed(0, 'scale')
const tensor = (...shape: number[]) => {
  const data = rng.fillNormal(new Float32Array(shape.reduce((a, b) => a * b)))
  return { dtype: 'float32', shape, data } as const
}
const hiddenStates = tensor(1, hiddenTokens(config), config.width)
const chunk = () => tensor(1, config.chunkSize, config.actionDim)

const runtime = await PolicyRuntime.create(policy, { threads: Number(threads) })
const noisy = chunk().data
const forward = await measure(repeats, () => runtime.velocity(1, hiddenStates.data, noisy, 0.5))
await runtime.release()

const expert = trainableDit(policy, { rank: Number(rank), seed: 0 })
const open = await measure(1, () =>
  createOrtBackend(flowMatchingLoss(config, expert.model), {
    loss: 'loss',
    groups: [{ parameters: expert.trained, lr: 'lr' }],
    maxGradNorm: 1,
    threads: Number(threads),
  }),
)
const backend = open.result
const ones = { ...chunk(), data: new Float32Array(noisy.length).fill(1) }
const timestep = { dtype: 'float32', shape: [1], data: Float32Array.of(0.5) } as const
const feeds = { hiddenStates, actions: chunk(), noise: chunk(), mask: ones, timestep, lr: 1e-4 }
const step = await measure(repeats, () => backend.step(feeds))
const adapters = new Map(expert.trained.map((name) => [name, expert.model.initializers.get(name)!]))
await backend.release()

const report = {
  policy: folder,
  preset: config.preset,
  weights: countParameters(policy.parameters, 'dit.'),
  adapters: countParameters(adapters),
  threads: Number(threads),
  load: load.figures,
  forward: forward.figures,
  trainingSession: open.figures,
  loraStep: step.figures,
  machine: describeMachine(),
}
process.stdout.write(`${JSON.stringify(report)}\n`)
