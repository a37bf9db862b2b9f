import type { EmbodimentEntry } from './embodiment.js'
import type { NanoConfig } from './nano/config.js'
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
