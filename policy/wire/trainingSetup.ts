import type { ActingSettings } from '../acting.js'
import { type SamplerId, samplerIds, samplerOptions } from '../samplers/samplers.js'
import { WireError } from './wireError.js'

/** What a learner's weights belong to, and how decisions are sampled with them. */
export interface TrainingSetup {
  /** Content hash of the folder of the policy that training started from. */
  readonly policy: string
  readonly embodiment: string
  readonly sampler: SamplerId
  /** Of the sampler, by name. */
  readonly settings: Readonly<Record<string, number>>
  /** Where the policy acts other than as its manifest says. */
  readonly acting: ActingSettings
}

const actingNames = [
  'denoisingSteps',
  'executedSteps',
  'initialNoise',
] as const satisfies readonly (keyof ActingSettings)[]
/** Largest number in a setup: denoising steps take time. */
const maxSetting = 1000

export const packSetup = ({ policy, embodiment, sampler, settings, acting }: TrainingSetup): string =>
  JSON.stringify({ policy, embodiment, sampler, settings, acting })

/** @throws WireError for text that is no setup */
export function readSetup(text: string): TrainingSetup {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new WireError('the setup of the weights is not JSON')
  }
  const setup = (value ?? {}) as Partial<Record<keyof TrainingSetup, unknown>>
  const sampler = samplerIds.find((id) => id === setup.sampler)
  const { policy, embodiment, settings, acting } = setup
  if (
    typeof policy !== 'string' ||
    typeof embodiment !== 'string' ||
    !sampler ||
    !areNumbers(settings, Object.keys(samplerOptions[sampler])) ||
    !areNumbers(acting, actingNames)
  ) {
    throw new WireError(
      `the setup of the weights: expected {policy, embodiment, sampler: ${samplerIds.join(' or ')}, settings: its own, acting: ${actingNames.join(', ')}}`,
    )
  }
  return { policy, embodiment, sampler, settings, acting }
}

function areNumbers(value: unknown, names: readonly string[]): value is Record<string, number> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).every(
      ([name, number]) =>
        names.includes(name) && typeof number === 'number' && number >= 0 && number <= maxSetting,
    )
  )
}
