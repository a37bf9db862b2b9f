import type { ManipulationEnv } from '../../manipulationEnv.js'

/** Environments kept for later, all together. */
const MOST = 160

/** Those that wait longest first. */
const idle: { readonly key: string; readonly env: ManipulationEnv }[] = []

/**
 * An environment of a key that nobody uses, or a new one: a new world costs as much as five control steps. Whoever takes
 * one resets or restores it first.
 */
export function takeEnv(key: string, make: () => ManipulationEnv): ManipulationEnv {
  const at = idle.findLastIndex((each) => each.key === key)
  return at < 0 ? make() : idle.splice(at, 1)[0].env
}

/** Keeps an environment for others of this thread; the one that has waited longest goes if there are too many. */
export function giveBackEnv(key: string, env: ManipulationEnv): void {
  idle.push({ key, env })
  if (idle.length > MOST) idle.shift()!.env.close()
}
