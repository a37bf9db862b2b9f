/** Transitions in time order, episode after episode; one transition is one executed action chunk. */
export interface Transitions {
  /** Sum of the rewards inside the chunk. */
  readonly rewards: Float32Array
  /** V(s_t). */
  readonly values: Float32Array
  /** V(s_{t+1}) of the same episode; after a truncation V of the final observation. Ignored after termination. */
  readonly nextValues: Float32Array
  /** 1 where the chunk ended in a terminal state: nothing is bootstrapped. */
  readonly terminated: Uint8Array
  /** 1 where the episode ended (terminated or truncated): advantages do not flow back across it. */
  readonly done: Uint8Array
}

/**
 * Generalised advantage estimation at chunk level (Schulman et al. 2016, eq. 16; RLinf
 * rlinf/algorithms/advantages.py, `chunk_level`), with bootstrapping on truncation only.
 * @returns advantages and returns (advantage + value), one per transition
 */
export function gae(
  transitions: Transitions,
  gamma: number,
  gaeLambda: number,
): { advantages: Float32Array; returns: Float32Array } {
  const { rewards, values, nextValues, terminated, done } = transitions
  const advantages = new Float32Array(rewards.length)
  const returns = new Float32Array(rewards.length)
  let following = 0
  for (let t = rewards.length - 1; t >= 0; t--) {
    const bootstrap = terminated[t] ? 0 : gamma * nextValues[t]
    const delta = rewards[t] + bootstrap - values[t]
    following = delta + (done[t] ? 0 : gamma * gaeLambda * following)
    advantages[t] = following
    returns[t] = following + values[t]
  }
  return { advantages, returns }
}

/** (A - mean) / (std + 1e-5), in place. */
export function normalizeAdvantages(advantages: Float32Array): Float32Array {
  let mean = 0
  for (const a of advantages) mean += a / advantages.length
  let variance = 0
  for (const a of advantages) variance += (a - mean) ** 2 / advantages.length
  const scale = 1 / (Math.sqrt(variance) + 1e-5)
  for (let i = 0; i < advantages.length; i++) advantages[i] = (advantages[i] - mean) * scale
  return advantages
}
