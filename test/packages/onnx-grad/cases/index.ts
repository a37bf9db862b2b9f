import type { Case } from '../finiteDifferences.js'
import { activationCases } from './activations.js'
import { channelNormalizationCases, lossCases, scanCases } from './channels.js'
import { broadcastCases, elementwiseCases } from './elementwise.js'
import { indexingCases } from './indexing.js'
import { einsumCases, linearAlgebraCases } from './linearAlgebra.js'
import { normalizationCases } from './normalization.js'
import { reductionCases } from './reductions.js'
import { shapeCases } from './shape.js'
import { windowCases } from './windows.js'

/** Cases by family; docs/operators.md names the family of each operator. */
export const families: Record<string, readonly Case[]> = {
  elementwise: elementwiseCases,
  broadcast: broadcastCases,
  activation: activationCases,
  'linear algebra': linearAlgebraCases,
  einsum: einsumCases,
  normalization: [...normalizationCases, ...channelNormalizationCases],
  reduction: reductionCases,
  scan: scanCases,
  shape: shapeCases,
  indexing: indexingCases,
  ...windowCases,
  loss: lossCases,
}
