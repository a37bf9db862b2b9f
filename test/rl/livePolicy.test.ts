import { UserError } from '@vla-gym/gymnasium'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { embodiments } from '../../envs/index.js'
import { liveReport } from '../../rl/liveReport.js'
import { type ChunkPolicy, localChunks } from '../../rl/rollout/chunks.js'
import { livePolicy } from '../../rl/rollout/livePolicy.js'
import type { ObservationBatch } from '../../rl/rollout/rolloutPool.js'

const robot = embodiments.get('widowx')!

/** Action `i` of the chunk of decision `n` goes 1 + 100 n + i along x, and closes the gripper. */
const counted = (steps: number, milliseconds = 0): ChunkPolicy => ({
  chunks: async ({ batch }, decision) =>
    Array.from({ length: batch }, () => ({
      actions: Float32Array.from({ length: 7 * steps }, (_, k) =>
        k % 7 === 0 ? 1 + 100 * decision + k / 7 : k % 7 === 6 ? -1 : 0,
      ),
      milliseconds,
    })),
})

const seen = (episodes: number[]): ObservationBatch => ({
  batch: episodes.length,
  episodes: Int32Array.from(episodes),
  images: new Uint8Array(episodes.length),
  states: new Float32Array(episodes.length),
  instructions: episodes.map(() => ''),
})

/** What one robot does along x in so many decisions, 0 where it holds, and its times. */
async function run(
  policy: ChunkPolicy,
  { executed, decisions, latency }: { executed: number; decisions: number; latency?: number },
) {
  const { policy: world, times } = livePolicy(policy, robot, 1, executed, { latency })
  const x: number[] = []
  const gripper: number[] = []
  for (let decision = 0; decision < decisions; decision++) {
    const actions = await world.act(seen([0]), decision)
    for (let i = 0; i < executed; i++) {
      x.push(actions[7 * i])
      gripper.push(actions[7 * i + 6])
    }
  }
  return { x, gripper, times: times[0] }
}

describe('live mode at 5 Hz, 5 of 8 actions between pictures', () => {
  it('without latency executes the beginning of every chunk', async () => {
    const { x, times } = await run(counted(8), { executed: 5, decisions: 2, latency: 0 })
    expect(x).toEqual([1, 2, 3, 4, 5, 101, 102, 103, 104, 105])
    expect(times.held).toBe(0)
  })

  it('with 100 or 200 ms goes on with the old chunk for a step, and begins a step into the new one', async () => {
    for (const latency of [100, 200]) {
      const { x, gripper, times } = await run(counted(8), { executed: 5, decisions: 3, latency })
      // Nothing moved while it held, so nothing of the first chunk is left out.
      expect(x).toEqual([0, 1, 2, 3, 4, 5, 102, 103, 104, 105, 106, 202, 203, 204, 205])
      expect(gripper).toEqual([1, ...Array(14).fill(-1)])
      expect([times.held, times.steps, times.latencies]).toEqual([1, 15, [latency, latency, latency]])
    }
  })

  it('with 1.2 s waits for the answer before it takes the next picture', async () => {
    const { x } = await run(counted(8), { executed: 5, decisions: 6, latency: 1200 })
    expect(x).toEqual([
      ...[0, 0, 0, 0, 0],
      // The first answer, of the picture at step 0, is there at step 6.
      ...[0, 1, 2, 3, 4],
      // The next picture is of step 10; its answer comes at 16, after four more actions and two steps of nothing.
      ...[5, 6, 7, 8, 0],
      ...[0, 205, 206, 207, 208],
      ...[0, 0, 0, 0, 0],
      ...[0, 401, 402, 403, 404],
    ])
  })

  it('of a server that answers single actions executes them late', async () => {
    const { x, times } = await run(counted(1), { executed: 1, decisions: 6, latency: 150 })
    expect(x).toEqual([0, 1, 101, 201, 301, 401])
    expect(times.held).toBe(1)
  })

  it('takes the time that an answer took when none is stated', async () => {
    const { x, times } = await run(counted(8, 399), { executed: 5, decisions: 1 })
    expect(x).toEqual([0, 0, 1, 2, 3])
    expect(times.latencies).toEqual([399])
  })
})

it('in live mode no action is executed twice, and each at its step or later', () => {
  return fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 8 }),
      fc.nat(3000),
      async (steps, executed, latency) => {
        const { x, times } = await run(counted(steps), { executed, decisions: 12, latency })
        const moves = x.flatMap((value, step) => (value === 0 ? [] : [{ value, step }]))
        expect(new Set(moves.map(({ value }) => value)).size).toBe(moves.length)
        expect(times.steps - times.held).toBe(moves.length)
        for (const { value, step } of moves) {
          const asked = Math.floor((value - 1) / 100) * executed
          expect(step).toBeGreaterThanOrEqual(asked + Math.ceil(latency / 200))
        }
      },
    ),
  )
})

it('rows of a batch have plans of their own, and are asked for when they are free', async () => {
  const asked: number[][] = []
  const policy: ChunkPolicy = {
    async chunks(observations, decision) {
      asked.push([...observations.episodes])
      const chunks = await counted(8).chunks(observations, decision)
      return chunks.map((chunk, row) => ({ ...chunk!, milliseconds: observations.episodes[row] ? 0 : 1500 }))
    },
  }
  const { policy: world } = livePolicy(policy, robot, 3, 5, {})
  for (const decision of [0, 1, 2]) await world.act(seen([0, 2]), decision)
  expect(asked).toEqual([[0, 2], [2], [0, 2]])
})

it('a policy of this process is asked row by row when its own time counts', async () => {
  const batches: number[] = []
  const act = async ({ batch, episodes }: ObservationBatch) => {
    batches.push(batch)
    return Float32Array.from({ length: 14 * batch }, (_, i) => episodes[Math.floor(i / 14)])
  }
  for (const [alone, expected] of [
    [false, [3]],
    [true, [1, 1, 1]],
  ] as const) {
    batches.length = 0
    const chunks = await localChunks({ act }, alone).chunks(seen([4, 0, 2]), 0)
    expect(batches).toEqual(expected)
    expect(chunks.map((chunk) => [chunk!.actions.length, chunk!.actions[13]])).toEqual([
      ...[
        [14, 4],
        [14, 0],
        [14, 2],
      ],
    ])
  }
})

it('live mode refuses a robot that it does not know how to hold', () => {
  const joints = { ...robot, id: 'aloha', actionNames: ['q1', 'q2'], actionDim: 2 }
  expect(() => livePolicy(counted(1), joints, 1, 1, {})).toThrow(UserError)
})

it('a live report has the median, the 95th percentile and the share of held steps', () => {
  const latencies = Array.from({ length: 100 }, (_, i) => 100 - i)
  const times = [
    { latencies: latencies.slice(0, 50), steps: 60, held: 6 },
    { latencies: latencies.slice(50), steps: 40, held: 4 },
  ]
  expect(liveReport(undefined, times)).toEqual({
    latency: 'measured',
    answers: 100,
    p50: 51,
    p95: 96,
    held: 0.1,
  })
})
