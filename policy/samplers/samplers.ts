import { flowNoiseOptions, flowNoiseSampler } from './flowNoise.js'
import { flowSdeOptions, flowSdeSampler } from './flowSde.js'
import { gaussianOptions, gaussianSampler } from './gaussian.js'
import type { Sampler, SamplerContext } from './sampler.js'
import { settingsOf } from './settings.js'

/** Settings of every sampler, by its name. */
export const samplerOptions = {
  'flow-sde': flowSdeOptions,
  'flow-noise': flowNoiseOptions,
  gaussian: gaussianOptions,
} as const

export type SamplerId = keyof typeof samplerOptions
export const samplerIds = Object.keys(samplerOptions) as SamplerId[]

/**
 * @param settings by name, defaults where absent
 * @throws UserError for settings that are not possible
 */
export async function createSampler(
  id: SamplerId,
  context: SamplerContext,
  settings: Readonly<Record<string, number>> = {},
): Promise<Sampler> {
  switch (id) {
    case 'flow-sde':
      return flowSdeSampler(context, settingsOf(flowSdeOptions, settings))
    case 'flow-noise':
      return flowNoiseSampler(context, settingsOf(flowNoiseOptions, settings))
    case 'gaussian':
      return gaussianSampler(context, settingsOf(gaussianOptions, settings))
  }
}
