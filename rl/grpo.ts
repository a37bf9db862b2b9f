import type { Rng } from '@vla-gym/gymnasium'
import { type ActorMetrics, type ActorParts, actorOptions, updateActor } from './actorUpdate.js'
import {
  type Algorithm,
  type AlgorithmParts,
  episodeReward,
  type IterationBatch,
  rolloutOptions,
} from './algorithm.js'
import { groupAdvantages } from './groupAdvantages.js'

/** Settings of GRPO. The descriptions are the command's help. */
export const grpoOptions = {
  ...rolloutOptions,
  ...actorOptions,
  groupSize: { default: 8, help: 'grpo: episodes that start from the same state' },
} as const

export type GrpoConfig = { readonly [K in keyof typeof grpoOptions]: number }

/** GRPO (Shao et al., arXiv 2402.03300): no critic; an episode is judged against others from the same start state. */
export const createGrpo = async (parts: AlgorithmParts, config: GrpoConfig): Promise<Algorithm> => ({
  groupSize: config.groupSize,
  bootstraps: false,
  update: (batch, rng) => grpoUpdate(batch, parts, config, rng),
})

export type GrpoMetrics = ActorMetrics & {
  readonly decisions: number
  /** Share of the groups whose episodes did not all end alike. */
  readonly informativeGroups: number
}

/** One update: advantages within groups, then the clipped objective on the DiT. */
export async function grpoUpdate(
  { experience, records, progress }: IterationBatch,
  parts: ActorParts,
  config: GrpoConfig,
  rng: Rng,
): Promise<GrpoMetrics> {
  const perEpisode = groupAdvantages(Float32Array.from(records, episodeReward), config.groupSize)
  // Groups that all succeed or all fail are left out. Every other episode weighs the same, however long it was: the
  // mean over decisions alone would count failures, which take all the time there is, several times.
  const informative = experience.decisions.map((_, episode) => episode).filter((i) => perEpisode[i] !== 0)
  const decisions = informative.flatMap((episode) => experience.decisions[episode])
  const meanLength = decisions.length / Math.max(1, informative.length)
  const advantages = Float32Array.from(
    informative.flatMap((episode) => {
      const { length } = experience.decisions[episode]
      return new Array<number>(length).fill((perEpisode[episode] * meanLength) / length)
    }),
  )
  return {
    decisions: decisions.length,
    informativeGroups: informative.length / records.length,
    ...(await updateActor(decisions, advantages, parts, config, progress, rng)),
  }
}
