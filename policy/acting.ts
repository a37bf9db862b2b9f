import { checkConfig, type NanoConfig } from './nano/config.js'
import type { PolicyData } from './policyData.js'

/** How a policy acts, of the settings in its manifest those that need no training. */
export type ActingSettings = Partial<Pick<NanoConfig, 'denoisingSteps' | 'executedSteps' | 'initialNoise'>>

/** The policy with other settings; absent ones stay. @throws UserError for one out of range */
export function actingWith(policy: PolicyData, settings: ActingSettings): PolicyData {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined)
  const config = checkConfig({ ...policy.manifest.config, ...Object.fromEntries(given) })
  return { ...policy, manifest: { ...policy.manifest, config } }
}
