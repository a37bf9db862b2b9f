import { Rng } from '@vla-gym/gymnasium'
import { Command } from 'commander'
import { embodiments } from '../../envs/index.js'
import {
  embodimentPrompt,
  nanoConfig,
  newPolicy,
  type PolicyData,
  PolicyRuntime,
} from '../../policy/index.js'
import { describeMachine } from '../../rl/machine.js'
import { type CommonOptions, positive, printResult, withCommonOptions } from '../options.js'
import { benchEnvCommand } from './benchEnv.js'
import { benchTrainCommand } from './benchTrain.js'

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
    .addCommand(benchEnvCommand())
    .addCommand(part('policy', 'latency of the backbone, of one denoising step and of a chunk', benchPolicy))
    .addCommand(benchTrainCommand())
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
