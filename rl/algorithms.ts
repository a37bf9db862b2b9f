import { settingsOf } from '../policy/index.js'
import type { Algorithm, AlgorithmParts } from './algorithm.js'
import { createGrpo, grpoOptions } from './grpo.js'
import { createPpo, ppoOptions } from './ppo.js'

/** Settings of every algorithm, by its name. */
export const algorithmOptions = { ppo: ppoOptions, grpo: grpoOptions } as const

export type AlgorithmId = keyof typeof algorithmOptions
export const algorithmIds = Object.keys(algorithmOptions) as AlgorithmId[]

/** @param settings by name, defaults where absent */
export async function createAlgorithm(
  id: AlgorithmId,
  parts: AlgorithmParts,
  settings: Readonly<Record<string, number>>,
): Promise<Algorithm> {
  switch (id) {
    case 'ppo':
      return createPpo(parts, settingsOf(ppoOptions, settings))
    case 'grpo':
      return createGrpo(parts, settingsOf(grpoOptions, settings))
  }
}
