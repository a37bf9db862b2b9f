import { Rng } from '@vla-gym/gymnasium'

/**
 * Episode seeds. Training draws even numbers and evaluation odd ones: whatever the seeds of two runs, no
 * evaluation episode has been trained on.
 */
export const trainingSeed = (seed: number, ...key: number[]): number => episodeSeed(seed, 'train', key)
export const evaluationSeed = (seed: number, ...key: number[]): number => episodeSeed(seed, 'eval', key) + 1

function episodeSeed(seed: number, purpose: string, key: number[]): number {
  return 2 * (Rng.fromSeed(seed, purpose, ...key).uint32() >>> 2)
}
