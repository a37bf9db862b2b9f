import { renderProblems, resetProblems, stepProblems } from './checks.js'
import type { Env } from './env.js'
import { UserError } from './errors.js'
import { sameElements } from './spaces/dtype.js'
import { Space } from './spaces/space.js'

interface Trace {
  readonly observations: unknown[]
  readonly rewards: number[]
  readonly flags: boolean[]
  readonly infos: unknown[]
}

/**
 * Checks that an environment keeps the API's rules: its spaces are sane, observations are in their space, `reset`
 * returns two values and `step` five of the right types, the same seed and actions give the same episode, and
 * `render` (where there is one) returns a frame. Resets the environment, runs `steps` random steps of two seeds
 * twice each, and does not close it. UserError that lists every problem found.
 */
export function checkEnv<Obs, Act, Info extends object>(env: Env<Obs, Act, Info>, steps = 20): void {
  const problems = new Set(spaceProblems(env as unknown as Env))
  if (problems.size === 0) {
    for (const seed of [0, 123]) {
      const traces = [0, 1].map(() => rollOut(env as unknown as Env, seed, steps, problems))
      if (traces[0] && traces[1]) for (const p of differences(traces[0], traces[1], seed)) problems.add(p)
    }
    attempt('render()', problems, () => {
      if (env.render) for (const p of renderProblems(env.render())) problems.add(p)
    })
  }
  if (problems.size) throw new UserError(`environment check failed:\n- ${[...problems].join('\n- ')}`)
}

function spaceProblems(env: Env): string[] {
  const problems: string[] = []
  for (const name of ['observationSpace', 'actionSpace'] as const) {
    const space: unknown = env[name]
    if (!(space instanceof Space)) problems.push(`${name} must be a Space`)
    else if (!space.contains(space.sample())) problems.push(`${name}: a sample of ${space} is not in it`)
    else if (!space.equals(env[name])) problems.push(`${name} must be the same space at every access`)
  }
  return problems
}

/** One seeded episode of random actions; null if it could not be run to the end. */
function rollOut(env: Env, seed: number, steps: number, problems: Set<string>): Trace | null {
  const trace: Trace = { observations: [], rewards: [], flags: [], infos: [] }
  const space = env.observationSpace
  const report = (found: string[]) => {
    for (const p of found) problems.add(p)
    return found.length === 0
  }
  env.actionSpace.seed(seed)
  const first = attempt('reset({ seed })', problems, () => env.reset({ seed }))
  if (first === undefined || !report(resetProblems(first, space))) return null
  trace.observations.push(space.copy(first[0]))
  trace.infos.push(structuredCopy(first[1]))
  for (let i = 0; i < steps; i++) {
    const action = env.actionSpace.sample()
    const result = attempt('step()', problems, () => env.step(action))
    if (result === undefined || !report(stepProblems(result, space))) return null
    const [observation, reward, terminated, truncated, info] = result
    trace.observations.push(space.copy(observation))
    trace.rewards.push(reward)
    trace.flags.push(terminated, truncated)
    trace.infos.push(structuredCopy(info))
    if (terminated || truncated) break
  }
  return trace
}

function differences(a: Trace, b: Trace, seed: number): string[] {
  const problems: string[] = []
  if (!deepEqual(a.observations[0], b.observations[0])) {
    return [`reset({ seed: ${seed} }) twice gives different first observations`]
  }
  for (const part of ['observations', 'rewards', 'flags', 'infos'] as const) {
    if (!deepEqual(a[part], b[part])) {
      problems.push(`the same seed (${seed}) and actions give different ${part}`)
    }
  }
  return problems
}

function attempt<T>(what: string, problems: Set<string>, action: () => T): T | undefined {
  try {
    return action()
  } catch (error) {
    problems.add(`${what} threw: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
}

/** Info at this moment, without what cannot be compared (functions, class instances that do not clone). */
function structuredCopy(info: unknown): unknown {
  try {
    return structuredClone(info)
  } catch {
    return null
  }
}

/** Structural equality of plain values, arrays, typed arrays and objects. */
function deepEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  if (ArrayBuffer.isView(a)) return sameElements(a as Uint8Array, b as Uint8Array)
  const keys = Object.keys(a)
  const other = b as Record<string, unknown>
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => key in other && deepEqual((a as Record<string, unknown>)[key], other[key]))
  )
}
