import type { Rng } from '@vla-gym/gymnasium'

const scale = 1.2

/** Flow times [count] of supervised training, more often in the middle: t = sigmoid(1.2 z), z normal. */
export const flowTimes = (count: number, rng: Rng): Float32Array =>
  Float32Array.from({ length: count }, () => 1 / (1 + Math.exp(-scale * rng.normal())))
