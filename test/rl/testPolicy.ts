import { embodiments } from '../../envs/index.js'
import { nanoConfig, newPolicy, type PolicyData } from '../../policy/index.js'

/** A policy with random weights for the WidowX, whose actions stay small. */
export function randomPolicy(seed: number): PolicyData {
  const description = embodiments.get('widowx')!
  const range = (dim: number) => ({
    q01: new Array<number>(dim).fill(-0.03),
    q99: new Array<number>(dim).fill(0.03),
  })
  const entry = {
    description,
    actionStats: range(description.actionDim),
    stateStats: range(description.stateDim),
  }
  return newPolicy(nanoConfig, { widowx: entry }, seed)
}
