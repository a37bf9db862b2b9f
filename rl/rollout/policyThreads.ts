import { availableParallelism } from 'node:os'

/**
 * Threads of onnxruntime for a policy while workers run: the cores that they leave, at least one. More would share cores
 * with the workers, and what is divided among threads has to be waited for.
 */
export const policyThreads = (threads: number, workers: number): number =>
  Math.max(1, Math.min(threads, availableParallelism() - workers))
