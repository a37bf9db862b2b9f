import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { differentiate, elementCount, encodeModel, withAdamW } from '@vla-gym/onnx-grad'
import * as ort from 'onnxruntime-node'
import { learningRate, maxGradNorm, type TrainingProblem } from './trainingProblems.js'

export interface OperatorTime {
  readonly operator: string
  /** Nodes of the graph that onnxruntime has made of ours. */
  readonly count: number
  /** Milliseconds a step, of each node the median over steps. */
  readonly ms: number
  /** Part of all operators' time. */
  readonly share: number
}

/** Where a training step's time goes, by operator, from onnxruntime's profile of `steps` steps. */
export async function profileOperators(
  problem: TrainingProblem,
  threads: number,
  steps: number,
): Promise<OperatorTime[]> {
  const folder = mkdtempSync(join(tmpdir(), 'vla-gym-profile-'))
  try {
    const parameters = [...problem.parameters.keys()]
    const gradients = differentiate(problem.forward, { loss: 'loss', wrt: parameters })
    const training = withAdamW(gradients, { groups: [{ parameters, lr: 'lr' }], maxGradNorm })
    const session = await ort.InferenceSession.create(encodeModel(training), {
      intraOpNumThreads: threads,
      logSeverityLevel: 3,
      enableProfiling: true,
      profileFilePrefix: join(folder, 'profile'),
    })
    const given = new Map([...problem.parameters, ...Object.entries(problem.feeds)])
    const scalars: Readonly<Record<string, number>> = { lr: learningRate, 'adam.step': 1 }
    const feeds = Object.fromEntries(
      training.inputs.map(({ name, shape }) => {
        const sizes = given.get(name)?.shape ?? (shape as number[])
        const data = given.get(name)?.data ?? new Float32Array(elementCount(sizes)).fill(scalars[name] ?? 0)
        return [name, new ort.Tensor('float32', data as Float32Array, [...sizes])]
      }),
    )
    // The first run lays out memory.
    for (let i = 0; i < steps + 1; i++) await session.run(feeds)
    session.endProfiling()
    await session.release()
    return timesByOperator(readFileSync(join(folder, readdirSync(folder)[0]), 'utf8'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface ProfileEvent {
  readonly cat: string
  readonly name: string
  readonly dur: number
  readonly args: { readonly op_name?: string; readonly node_index?: string }
}

/** Sums up onnxruntime's profile, a JSON list of events, without each node's first run. */
export function timesByOperator(json: string): OperatorTime[] {
  const nodes = new Map<string, { operator: string; times: number[] }>()
  for (const { cat, name, dur, args } of JSON.parse(json) as ProfileEvent[]) {
    if (cat !== 'Node' || !name.endsWith('_kernel_time')) continue
    const key = `${args.node_index} ${name}`
    const node = nodes.get(key)
    if (node) node.times.push(dur)
    else nodes.set(key, { operator: args.op_name ?? name, times: [] })
  }
  const sums = new Map<string, { count: number; ms: number }>()
  for (const { operator, times } of nodes.values()) {
    const sum = sums.get(operator) ?? { count: 0, ms: 0 }
    const sorted = times.sort((a, b) => a - b)
    sums.set(operator, { count: sum.count + 1, ms: sum.ms + (sorted[sorted.length >> 1] ?? 0) / 1e3 })
  }
  const total = [...sums.values()].reduce((all, { ms }) => all + ms, 0)
  return [...sums]
    .map(([operator, { count, ms }]) => ({ operator, count, ms, share: ms / total }))
    .sort((a, b) => b.ms - a.ms)
}
