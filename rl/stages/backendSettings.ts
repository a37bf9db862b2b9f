import type { OrtBackendOptions } from '../backend/ortBackend.js'

/** What lets a stage train larger models in the same memory. Absent: off. */
export interface MemorySettings {
  /** Rows of a minibatch that are run at once; their gradients are added up. */
  readonly microBatch?: number
  /** Activations are kept at every so many residual additions; those between are computed again. */
  readonly recompute?: number
}

export interface AverageSettings {
  /** Decay of a moving average of the trained weights, which is then what is evaluated and saved as the policy. */
  readonly ema?: number
}

export const backendSettings = ({
  microBatch,
  recompute,
  ema,
}: MemorySettings & AverageSettings): Pick<OrtBackendOptions, 'microBatch' | 'recompute' | 'ema'> => ({
  ema,
  microBatch,
  recompute: recompute === undefined ? undefined : { every: recompute },
})

/** Those that are set, for a run's configuration: steps differ in rounding or more, so a resumed run keeps them. */
export const settingsInUse = ({ microBatch, recompute, ema }: MemorySettings & AverageSettings) => ({
  ...(microBatch !== undefined && { microBatch }),
  ...(recompute !== undefined && { recompute }),
  ...(ema !== undefined && { ema }),
})

/** Which of a backend's weights are the policy's. */
export const policyWeights = ({ ema }: AverageSettings) => (ema === undefined ? 'latest' : 'average')
