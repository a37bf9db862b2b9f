import type { EmbodimentEntry } from './embodiment.js'
import { type NanoConfig, withPreset } from './nano/config.js'
import { initParameters } from './nano/graphs.js'
import { type PolicyData, policyFormat } from './policyData.js'
import { defaultTokenizerJson } from './tokenizer.js'

/** A policy with random weights from a seed and the project's tokenizer. */
export function newPolicy(
  config: NanoConfig,
  embodiments: Readonly<Record<string, EmbodimentEntry>>,
  seed: number,
): PolicyData {
  return {
    manifest: { format: policyFormat, config, embodiments },
    parameters: initParameters(config, seed),
    tokenizerJson: defaultTokenizerJson(),
  }
}

/** A policy with the backbone, embodiments and statistics of another, and a new action expert of a preset's size. */
export function withNewExpert(policy: PolicyData, preset: string, seed: number): PolicyData {
  const config = withPreset(policy.manifest.config, preset)
  const { training: _, ...manifest } = policy.manifest
  const { models, ...rest } = policy
  const kept = [...policy.parameters].filter(([name]) => !name.startsWith('dit.'))
  return {
    ...rest,
    ...(models?.backbone && { models: { backbone: models.backbone } }),
    manifest: { ...manifest, config },
    parameters: new Map([...kept, ...initParameters(config, seed, ['dit'])]),
  }
}
