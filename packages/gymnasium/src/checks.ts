import type { RenderFrame } from './env.js'
import { Box } from './spaces/box.js'
import { Dict } from './spaces/dict.js'
import type { Space } from './spaces/space.js'

/** What is wrong with a value that should be in a space: the innermost part that is not, '' if it is. */
export function explainMismatch(space: Space<unknown>, x: unknown, name = 'observation'): string {
  if (space.contains(x)) return ''
  if (space instanceof Dict && typeof x === 'object' && x !== null) {
    for (const [key, part] of Object.entries(space.spaces)) {
      if (!(key in x)) return `${name} has no key '${key}'`
      const problem = explainMismatch(
        part as Space<unknown>,
        (x as Record<string, unknown>)[key],
        `${name}.${key}`,
      )
      if (problem) return problem
    }
    const extra = Object.keys(x).filter((key) => !Object.hasOwn(space.spaces, key))
    return `${name} has keys that its space lacks: ${extra.join(', ')}`
  }
  if (space instanceof Box && ArrayBuffer.isView(x)) {
    const values = x as unknown as ArrayLike<number>
    if (values.length !== space.low.length) {
      return `${name} has ${values.length} elements, ${space} needs ${space.low.length}`
    }
    for (let i = 0; i < values.length; i++) {
      if (!(values[i] >= space.low[i] && values[i] <= space.high[i])) {
        return `${name}[${i}] = ${values[i]} is outside ${space}`
      }
    }
  }
  return `${name} (${describe(x)}) is not in ${space}`
}

function describe(x: unknown): string {
  if (ArrayBuffer.isView(x)) return `${x.constructor.name} of ${(x as Uint8Array).length}`
  if (typeof x === 'object' && x !== null) return x.constructor?.name ?? 'object'
  return typeof x === 'string' ? `'${x.slice(0, 40)}'` : String(x)
}

function isInfo(x: unknown): boolean {
  return typeof x === 'object' && x !== null && !Array.isArray(x) && !ArrayBuffer.isView(x)
}

/** Problems of what `reset` returned. */
export function resetProblems(result: unknown, space: Space<unknown>): string[] {
  if (!Array.isArray(result) || result.length !== 2) {
    return [`reset() must return [observation, info], not ${describe(result)}`]
  }
  const problems: string[] = []
  const mismatch = explainMismatch(space, result[0])
  if (mismatch) problems.push(`reset(): ${mismatch}`)
  if (!isInfo(result[1])) problems.push(`reset(): info must be an object, not ${describe(result[1])}`)
  return problems
}

/** Problems of what `step` returned. */
export function stepProblems(result: unknown, space: Space<unknown>): string[] {
  if (!Array.isArray(result) || result.length !== 5) {
    const what = Array.isArray(result) ? `${result.length} values` : describe(result)
    return [`step() must return [observation, reward, terminated, truncated, info], not ${what}`]
  }
  const [observation, reward, terminated, truncated, info] = result
  const problems: string[] = []
  const mismatch = explainMismatch(space, observation)
  if (mismatch) problems.push(`step(): ${mismatch}`)
  if (typeof reward !== 'number' || !Number.isFinite(reward)) {
    problems.push(`step(): reward must be a finite number, not ${describe(reward)}`)
  }
  for (const [name, flag] of Object.entries({ terminated, truncated })) {
    if (typeof flag !== 'boolean') problems.push(`step(): ${name} must be a boolean, not ${describe(flag)}`)
  }
  if (!isInfo(info)) problems.push(`step(): info must be an object, not ${describe(info)}`)
  return problems
}

/** Problems of what `render` returned. */
export function renderProblems(frame: RenderFrame | null): string[] {
  if (frame === null) return []
  const { width, height, data } = frame ?? {}
  if (!(data instanceof Uint8Array) || data.length !== width * height * 3) {
    return [`render() must return null or {width, height, data: width * height * 3 rgb bytes}`]
  }
  return []
}
