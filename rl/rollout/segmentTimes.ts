import type { SegmentShare, WorkerPhase } from './worker.js'

/** What the learner does in a rollout: the policy, copies from and to the workers, nothing (no observations yet). */
export const learnerPhases = ['policy', 'transfer', 'waiting'] as const
export type LearnerPhase = (typeof learnerPhases)[number]

type WorkPhase = Exclude<WorkerPhase, 'waiting'>

/** Where the time of a segment went, in seconds. */
export interface SegmentTimes {
  readonly wall: number
  /** Processor time of the whole process. */
  readonly cpu: number
  /** Sums over the workers; with `idle` they are the wall time of all workers. */
  readonly workers: Readonly<Record<WorkPhase | 'idle', number>>
  /** Together the wall time. */
  readonly learner: Readonly<Record<LearnerPhase, number>>
  /** Processor time of the workers' threads and of the learner's, where the platform tells. */
  readonly threads?: { readonly workers: number; readonly learner: number }
}

/** What was measured beside the workers' shares. */
export interface LearnerTimes extends Pick<SegmentTimes, 'cpu' | 'learner'> {
  readonly learnerCpu?: number
}

/** A worker that has not begun or has ended is as idle as one that waits for actions. */
export function segmentTimes(
  shares: readonly Pick<SegmentShare, 'phases' | 'cpu'>[],
  { cpu, learner, learnerCpu }: LearnerTimes,
): SegmentTimes {
  const sum = (value: (share: (typeof shares)[number]) => number) =>
    shares.reduce((all, share) => all + value(share), 0)
  const of = (phase: WorkPhase) => sum(({ phases }) => phases[phase])
  const work = {
    resets: of('resets'),
    physics: of('physics'),
    rendering: of('rendering'),
    transfer: of('transfer'),
  }
  const wall = total(learner)
  const workerCpu = sum((share) => share.cpu ?? NaN)
  const known = learnerCpu !== undefined && Number.isFinite(workerCpu)
  return {
    wall,
    cpu,
    workers: { ...work, idle: wall * shares.length - total(work) },
    learner,
    ...(known && { threads: { workers: workerCpu, learner: learnerCpu } }),
  }
}

/** Shares of the processor time of a rollout, which are 1 together, and of the workers' time. */
export interface RolloutShares {
  readonly physics: number
  readonly rendering: number
  readonly resets: number
  /** In the learner's thread. */
  readonly policy: number
  readonly transfer: number
  /** Threads that are neither's: the collector's and the compiler's, and onnxruntime's beyond the first. */
  readonly other: number
  /** Share of the workers' wall time in which they had nothing to do. */
  readonly idle: number
}

/**
 * A thread's processor time is divided as the wall time of what it did; where it is not known, wall time takes its place
 * and there is no `other`.
 */
export function rolloutShares({ cpu, workers, learner, threads }: SegmentTimes): RolloutShares {
  const { idle, ...work } = workers
  const busy = total(work)
  const serving = learner.policy + learner.transfer
  const ofWorkers = threads?.workers ?? busy
  const ofLearner = threads?.learner ?? serving
  const other = threads ? Math.max(0, cpu - ofWorkers - ofLearner) : 0
  const all = ofWorkers + ofLearner + other
  const worker = (phase: WorkPhase) => (ofWorkers * work[phase]) / busy / all
  const served = (phase: 'policy' | 'transfer') => (ofLearner * learner[phase]) / serving / all
  return {
    physics: worker('physics'),
    rendering: worker('rendering'),
    resets: worker('resets'),
    policy: served('policy'),
    transfer: worker('transfer') + served('transfer'),
    other: other / all,
    idle: idle / (busy + idle),
  }
}

const total = (phases: Readonly<Record<string, number>>): number =>
  Object.values(phases).reduce((sum, seconds) => sum + seconds, 0)
