/** Learning rates as plain functions of the step: 0 for the first optimiser step. */

export type Schedule = (step: number) => number

export const constantLr =
  (lr: number): Schedule =>
  () =>
    lr

/**
 * Rises linearly over `warmupSteps` steps, the first of which is not zero: after(warmupSteps) · (step + 1) /
 * warmupSteps. From then on `after` holds, which is given the same step number.
 */
export const linearWarmup =
  (warmupSteps: number, after: Schedule): Schedule =>
  (step) =>
    step < warmupSteps ? (after(warmupSteps) * (step + 1)) / warmupSteps : after(step)

export interface CosineDecayOptions {
  /** Rate at step `start`. */
  readonly lr: number
  /** Step at which the rate has reached `final`; it stays there. */
  readonly steps: number
  /** First step of the decay: the length of a warm-up before it. */
  readonly start?: number
  readonly final?: number
}

/** Half a cosine wave from `lr` down to `final` (Loshchilov and Hutter, arXiv 1608.03983, without restarts). */
export function cosineDecay({ lr, steps, start = 0, final = 0 }: CosineDecayOptions): Schedule {
  return (step) => {
    const progress = Math.min(Math.max((step - start) / Math.max(1, steps - start), 0), 1)
    return final + 0.5 * (lr - final) * (1 + Math.cos(Math.PI * progress))
  }
}
