import type { ObservationBatch, SegmentPolicy } from './rolloutPool.js'

/** What a policy answers to one observation. */
export interface Chunk {
  /** [steps, actionDim] robot space. */
  readonly actions: Float32Array
  /** Time from the question to the answer. */
  readonly milliseconds: number
}

/** A policy whose whole chunks are wanted, and how long each took. */
export interface ChunkPolicy {
  /** Of every row; undefined: no answer, the episode is lost. `decision` counts from 0. */
  chunks(observations: ObservationBatch, decision: number): Promise<(Chunk | undefined)[]>
}

/** The world waits for the policy, and the first steps of every chunk are executed. An episode that is lost stands still. */
export function waitingPolicy(policy: ChunkPolicy, executedSteps: number, actionDim: number): SegmentPolicy {
  const size = executedSteps * actionDim
  return {
    async act(observations, decision) {
      const actions = new Float32Array(observations.batch * size)
      for (const [row, chunk] of (await policy.chunks(observations, decision)).entries())
        if (chunk) actions.set(chunk.actions.subarray(0, size), row * size)
      return actions
    },
  }
}

/** Some rows of a batch, in their order. */
export function selectRows(o: ObservationBatch, rows: readonly number[]): ObservationBatch {
  if (rows.length === o.batch) return o
  const select = <T extends Uint8Array | Float32Array | Int32Array>(data: T): T => {
    const size = data.length / o.batch
    const out = data.slice(0, rows.length * size) as T
    for (const [i, row] of rows.entries()) out.set(data.subarray(row * size, (row + 1) * size), i * size)
    return out
  }
  return {
    batch: rows.length,
    episodes: select(o.episodes),
    images: select(o.images),
    states: select(o.states),
    instructions: rows.map((row) => o.instructions[row]),
  }
}

/**
 * A policy of this process that answers [batch, steps, actionDim]. With `alone` every row is computed by itself, as for
 * one robot, so that its time is that robot's.
 */
export function localChunks(policy: SegmentPolicy, alone: boolean): ChunkPolicy {
  async function answer(observations: ObservationBatch, decision: number): Promise<Chunk[]> {
    const start = performance.now()
    const actions = await policy.act(observations, decision)
    const milliseconds = performance.now() - start
    const size = actions.length / observations.batch
    return Array.from({ length: observations.batch }, (_, row) => ({
      actions: actions.subarray(row * size, (row + 1) * size),
      milliseconds,
    }))
  }
  return {
    async chunks(observations, decision) {
      if (!alone) return answer(observations, decision)
      const chunks: Chunk[] = []
      for (let row = 0; row < observations.batch; row++)
        chunks.push(...(await answer(selectRows(observations, [row]), decision)))
      return chunks
    },
  }
}
