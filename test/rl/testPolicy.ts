import { embodiments } from '../../envs/index.js'
import {
  defaultTokenizerJson,
  initParameters,
  nanoConfig,
  type PolicyData,
  policyFormat,
} from '../../policy/index.js'

/** A policy with random weights for the WidowX. */
export function randomPolicy(seed: number): PolicyData {
  const description = embodiments.get('widowx')!
  const unit = (dim: number) => ({
    q01: new Array<number>(dim).fill(-0.03),
    q99: new Array<number>(dim).fill(0.03),
  })
  const entry = {
    description,
    actionStats: unit(description.actionDim),
    stateStats: unit(description.stateDim),
  }
  return {
    manifest: { format: policyFormat, config: nanoConfig, embodiments: { widowx: entry } },
    parameters: initParameters(nanoConfig, seed),
    tokenizerJson: defaultTokenizerJson(),
  }
}
