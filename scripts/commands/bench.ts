import { Rng } from '@vla-gym/gymnasium'
import { Command } from 'commander'
import { embodiments, suites } from '../../envs/index.js'
import {
  embodimentPrompt,
  hiddenTokens,
  initParameters,
  nanoConfig,
  newPolicy,
  ParameterStore,
  type PolicyData,
  PolicyRuntime,
} from '../../policy/index.js'
import { createOrtBackend } from '../../rl/backend/ortBackend.js'
import { flowMatchingLoss } from '../../rl/losses/flowMatching.js'
import { describeMachine } from '../../rl/machine.js'
import { RolloutPool } from '../../rl/rollout/rolloutPool.js'
import { type CommonOptions, positive, printResult, withCommonOptions } from '../options.js'

interface Result {
  readonly name: string
  readonly unit: string
  readonly value: number
  readonly [detail: string]: unknown
}

interface Options extends CommonOptions {
  seconds: number
}

export function benchCommand(): Command {
  const part = (name: string, description: string, run: (options: Options) => Promise<Result[]>) =>
    withCommonOptions(new Command(name))
      .description(description)
      .option('--seconds <s>', 'time spent on each figure', positive, 2)
      .action(async (options: Options) => {
        const results = await run(options)
        const lines = results.map(
          (r) => `${r.name.padEnd(58)} ${r.value.toPrecision(4).padStart(9)} ${r.unit}`,
        )
        printResult(options.json, { machine: describeMachine(), results }, lines.join('\n'))
      })
  return new Command('bench')
    .description('measure speed on this machine')
    .addCommand(
      part('env', 'control steps per second: state only, with images, one and several workers', benchEnv),
    )
    .addCommand(part('policy', 'latency of the backbone, of one denoising step and of a chunk', benchPolicy))
    .addCommand(part('train', 'time of one optimiser step of the action expert', benchTrain))
}

/** What is looked at, and how often. */
const observations = [
  { name: 'state', image: null, lookEvery: 1 },
  { name: '640x480-every-8', image: { width: 640, height: 480 }, lookEvery: 8 },
  { name: '640x480', image: { width: 640, height: 480 }, lookEvery: 1 },
  { name: '128x128', image: { width: 128, height: 128 }, lookEvery: 1 },
]

async function benchEnv({ workers, seconds }: Options): Promise<Result[]> {
  const results: Result[] = []
  for (const count of new Set([1, workers])) {
    const pool = new RolloutPool(count)
    for (const suite of suites.values()) {
      for (const task of suite.tasks) {
        for (const { name, image, lookEvery } of observations) {
          const value = await pool.benchmarkEnvs({ task, image, lookEvery, seconds })
          results.push({ name: `${suite.id}/${task}/${name}/${count}`, unit: 'control-steps/s', value })
          process.stderr.write(`${results.at(-1)!.name} ${value.toFixed(0)}\n`)
        }
      }
    }
    await pool.close()
  }
  return results
}

function randomPolicy(seed: number): PolicyData {
  const description = embodiments.get('widowx')!
  const unit = (dim: number) => ({ q01: Array<number>(dim).fill(-1), q99: Array<number>(dim).fill(1) })
  const entry = {
    description,
    actionStats: unit(description.actionDim),
    stateStats: unit(description.stateDim),
  }
  return newPolicy(nanoConfig, { widowx: entry }, seed)
}

/** Median milliseconds of repeated calls, after a warm-up. */
async function medianMs(
  seconds: number,
  call: () => Promise<unknown>,
): Promise<{ value: number; runs: number }> {
  for (let i = 0; i < 3; i++) await call()
  const times: number[] = []
  const end = performance.now() + 1000 * seconds
  while (performance.now() < end || times.length < 5) {
    const start = performance.now()
    await call()
    times.push(performance.now() - start)
  }
  times.sort((a, b) => a - b)
  return { value: times[Math.floor(times.length / 2)], runs: times.length }
}

async function benchPolicy({ seconds, threads, seed }: Options): Promise<Result[]> {
  const data = randomPolicy(seed)
  const { chunkSize, actionDim, denoisingSteps, imageWidth, imageHeight } = nanoConfig
  const runtime = await PolicyRuntime.create(data, { threads })
  const { description } = runtime.embodiment('widowx')
  const rng = Rng.fromSeed(seed, 'bench')
  const results: Result[] = []
  for (const batch of [1, 32]) {
    const images = Uint8Array.from({ length: batch * imageWidth * imageHeight * 3 }, () =>
      rng.integers(0, 256),
    )
    const states = rng.fillNormal(new Float32Array(batch * description.stateDim))
    const prompts = new Array<string>(batch).fill(
      embodimentPrompt(description, chunkSize, 'put carrot on plate'),
    )
    const noise = rng.fillNormal(new Float32Array(batch * chunkSize * actionDim))
    const encode = () => runtime.encode(batch, images, states, prompts, 'widowx')
    const hidden = await encode()
    const step = () => runtime.velocity(batch, hidden, noise, 0.5)
    const chunk = async () => {
      await encode()
      for (let i = 0; i < denoisingSteps; i++) await step()
    }
    for (const [name, call] of Object.entries({ backbone: encode, 'denoising-step': step, chunk })) {
      results.push({
        name: `policy/nano/${name}/batch-${batch}`,
        unit: 'ms',
        threads,
        ...(await medianMs(seconds, call)),
      })
    }
  }
  await runtime.release()
  return results
}

async function benchTrain({ seconds, threads, seed }: Options): Promise<Result[]> {
  const store = new ParameterStore(initParameters(nanoConfig, seed), null)
  const forward = flowMatchingLoss(nanoConfig, store)
  const backend = await createOrtBackend(forward, {
    loss: 'loss',
    groups: [{ parameters: [...store.parameters.keys()], lr: 'lr' }],
    maxGradNorm: 1,
    threads,
  })
  const rng = Rng.fromSeed(seed, 'bench')
  const { chunkSize, actionDim, width } = nanoConfig
  const parameters = [...store.parameters.values()].reduce((sum, p) => sum + p.data.length, 0)
  const results: Result[] = []
  for (const batch of [32, 256]) {
    const normal = (...shape: number[]) =>
      ({
        dtype: 'float32',
        shape,
        data: rng.fillNormal(new Float32Array(shape.reduce((a, b) => a * b))),
      }) as const
    const feeds = {
      hiddenStates: normal(batch, hiddenTokens(nanoConfig), width),
      actions: normal(batch, chunkSize, actionDim),
      noise: normal(batch, chunkSize, actionDim),
      mask: {
        ...normal(batch, chunkSize, actionDim),
        data: new Float32Array(batch * chunkSize * actionDim).fill(1),
      },
      timestep: { ...normal(batch), data: Float32Array.from({ length: batch }, () => rng.uniform()) },
      lr: 1e-4,
    }
    const tokens = hiddenTokens(nanoConfig) + chunkSize
    const timing = await medianMs(seconds, () => backend.step(feeds))
    results.push({
      name: `train/nano-dit/batch-${batch}x${tokens}`,
      unit: 'ms/step',
      threads,
      parameters,
      ...timing,
    })
  }
  await backend.release()
  return results
}
