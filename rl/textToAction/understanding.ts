import { Rng } from '@vla-gym/gymnasium'
import { actionMask, type PolicyRuntime, sampleOde, toModelActions } from '../../policy/index.js'
import { flowTimes } from '../losses/flowTimes.js'
import type { TextExamples } from './corpus.js'
import { encodeWithoutVision } from './encodedExamples.js'
import type { Motion } from './instructions.js'
import { type SyntheticRobot, syntheticRobots } from './robots.js'

/** A chunk that goes within about 37 degrees of what was asked counts as understood. */
const understoodCosine = 0.8

/**
 * How well sampled chunks follow their instructions, for the end-effector robots. Only instructions of one motion
 * count; displacements and distances are those of the chunk, and of the closed form cut to the chunk.
 * @param groups examples whose length is the policy's chunk size
 */
export async function understanding(
  runtime: PolicyRuntime,
  groups: readonly TextExamples[],
  seed: number,
): Promise<Record<string, number>> {
  const cosines: number[] = []
  const distanceErrors: number[] = []
  const grippers: number[] = []
  for (const group of groups) {
    const robot = syntheticRobots.find(({ description }) => description.id === group.embodiment)!
    if (robot.kind !== 'end-effector') continue
    const predicted = await sampleActions(runtime, group, seed)
    const width = predicted.length / group.count
    for (const [row, motions] of group.motions.entries()) {
      if (motions.length !== 1) continue
      const chunk = predicted.subarray(row * width, (row + 1) * width)
      const wanted = group.actions.subarray(row * width, (row + 1) * width)
      if (motions[0].kind === 'move') {
        const [found, asked] = [displacement(chunk), displacement(wanted)]
        cosines.push(cosine(found, asked))
        distanceErrors.push(
          1000 * robot.positionUnit * Math.hypot(...found.map((value, axis) => value - asked[axis])),
        )
      }
      if (motions[0].kind === 'gripper') grippers.push(commands(robot, motions[0], chunk) ? 1 : 0)
    }
  }
  return {
    heldOutDirectionCosine: mean(cosines),
    heldOutUnderstood: mean(cosines.map((value) => (value > understoodCosine ? 1 : 0))),
    heldOutDistanceErrorMm: mean(distanceErrors),
    heldOutGripperRight: mean(grippers),
  }
}

/** Chunks [count, H, actionDim] in robot units for examples without pictures, from noise of the seed. */
export async function sampleActions(
  runtime: PolicyRuntime,
  examples: TextExamples,
  seed: number,
): Promise<Float32Array> {
  const { chunkSize, actionDim, denoisingSteps } = runtime.config
  const hiddenStates = await encodeWithoutVision(runtime, examples)
  const rng = Rng.fromSeed(seed, 'understanding', examples.embodiment)
  const noise = rng.fillNormal(new Float32Array(examples.count * chunkSize * actionDim))
  const chunks = await sampleOde(
    (x, t) => runtime.velocity(examples.count, hiddenStates, x, t),
    noise,
    denoisingSteps,
  )
  return runtime.toRobotActions(chunks, examples.count, examples.embodiment)
}

const actionDim = 7

/** Sum of the position channels of a chunk [H, 7]. */
export function displacement(chunk: Float32Array): number[] {
  const sum = [0, 0, 0]
  for (let i = 0; i < chunk.length; i += actionDim)
    for (let axis = 0; axis < 3; axis++) sum[axis] += chunk[i + axis]
  return sum
}

export function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = a.reduce((sum, value, i) => sum + value * b[i], 0)
  return dot / (Math.hypot(...a) * Math.hypot(...b))
}

/** Whether the first gripper action is on the side that the instruction asks for. */
function commands(
  { gripper }: SyntheticRobot,
  motion: Motion & { kind: 'gripper' },
  chunk: Float32Array,
): boolean {
  const wanted = motion.open ? gripper.open : gripper.closed
  return Math.sign(chunk[actionDim - 1]) === Math.sign(wanted)
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

/** Flow-matching loss of a policy, mean over real actions of all groups; the same times and noise every time. */
export async function flowLoss(
  runtime: PolicyRuntime,
  groups: readonly TextExamples[],
  seed: number,
): Promise<number> {
  const { config } = runtime
  let sum = 0
  let count = 0
  for (const group of groups) {
    const entry = runtime.embodiment(group.embodiment)
    const rng = Rng.fromSeed(seed, 'held-out', group.embodiment)
    const mask = actionMask(entry, config)
    const actions = toModelActions(group.actions, group.count, entry, config)
    const noise = rng.fillNormal(new Float32Array(actions.length))
    const t = flowTimes(group.count, rng)
    const noisy = actions.map((a, i) => a + t[Math.floor(i / mask.length)] * (noise[i] - a))
    const hiddenStates = await encodeWithoutVision(runtime, group)
    const velocity = await runtime.velocity(group.count, hiddenStates, noisy, t)
    for (let i = 0; i < velocity.length; i++) {
      if (mask[i % mask.length] === 0) continue
      sum += (velocity[i] - (noise[i] - actions[i])) ** 2
      count += 1
    }
  }
  return sum / count
}
