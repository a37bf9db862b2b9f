import { Rng } from '@vla-gym/gymnasium'
import { type Embodiment, type EmbodimentEntry, embodimentPrompt, quantileStats } from '../../policy/index.js'
import type { Demonstration } from '../dataset.js'
import { writeChunk } from '../frames.js'
import { type Motion, type Split, sampleInstruction } from './instructions.js'
import { actionsOf } from './motions.js'
import { type SyntheticRobot, syntheticRobots } from './robots.js'

/** Text, state and actions of one embodiment, no pictures: one row an example. */
export interface TextExamples {
  readonly embodiment: string
  readonly count: number
  /** [count, stateDim] robot units. */
  readonly states: Float32Array
  /** [count] whole embodiment prompts. */
  readonly prompts: readonly string[]
  /** [count, length, actionDim] robot space. */
  readonly actions: Float32Array
  /** [count] what the instructions mean; empty for demonstrations. */
  readonly motions: readonly (readonly Motion[])[]
}

/** Examples from which the statistics of a robot that the policy does not know are taken. */
const statisticsExamples = 4096

/**
 * The embodiments of a policy and those of the synthetic robots that it lacks, which get the quantiles of synthetic
 * sequences and of the states that these start from.
 */
export function withSyntheticRobots(
  known: Readonly<Record<string, EmbodimentEntry>>,
  length: number,
): Record<string, EmbodimentEntry> {
  const added = syntheticRobots
    .filter(({ description }) => !Object.hasOwn(known, description.id))
    .map((robot): [string, EmbodimentEntry] => {
      const { description, stateLow, stateHigh } = robot
      const rng = Rng.fromSeed('statistics', description.id)
      const { actions } = sampleExamples(robot, undefined, statisticsExamples, length, 'training', rng)
      const actionStats = quantileStats(actions, description.actionDim)
      return [description.id, { description, actionStats, stateStats: { q01: stateLow, q99: stateHigh } }]
    })
  return { ...known, ...Object.fromEntries(added) }
}

/**
 * Instructions from templates, with the actions that follow them from a random state: equally many for every robot.
 * @param length control steps of an example, which its prompt names too
 */
export function syntheticExamples(
  entries: Readonly<Record<string, EmbodimentEntry>>,
  count: number,
  length: number,
  split: Split,
  seed: number,
): TextExamples[] {
  return syntheticRobots.map((robot, i) => {
    const { id } = robot.description
    const share = Math.floor((count * (i + 1)) / syntheticRobots.length)
    const before = Math.floor((count * i) / syntheticRobots.length)
    const rng = Rng.fromSeed(seed, 'text-to-action', split, id)
    return sampleExamples(robot, entries[id], share - before, length, split, rng)
  })
}

function sampleExamples(
  robot: SyntheticRobot,
  entry: EmbodimentEntry | undefined,
  count: number,
  length: number,
  split: Split,
  rng: Rng,
): TextExamples {
  const description = entry?.description ?? robot.description
  const { actionDim, stateDim } = description
  const stateRange = entry?.stateStats ?? { q01: robot.stateLow, q99: robot.stateHigh }
  const states = new Float32Array(count * stateDim)
  const actions = new Float32Array(count * length * actionDim)
  const prompts: string[] = []
  const motions: (readonly Motion[])[] = []
  for (let row = 0; row < count; row++) {
    const state = states.subarray(row * stateDim, (row + 1) * stateDim)
    for (let i = 0; i < stateDim; i++) state[i] = rng.uniform(stateRange.q01[i], stateRange.q99[i])
    if (robot.kind === 'end-effector') {
      const { gripperState } = robot
      state[gripperState] = rng.choice([robot.stateLow[gripperState], robot.stateHigh[gripperState]])
    }
    const instruction = sampleInstruction(robot, split, rng)
    prompts.push(embodimentPrompt(description, length, instruction.text))
    motions.push(instruction.motions)
    actions.set(
      actionsOf(robot, instruction.motions, state, length, entry?.actionStats),
      row * length * actionDim,
    )
  }
  return { embodiment: description.id, count, states, prompts, actions, motions }
}

/**
 * Demonstrations without their pictures: from every `stride`-th frame on the next `length` actions; after the last
 * one the arm holds still.
 */
export function demonstrationExamples(
  demonstrations: readonly Demonstration[],
  description: Embodiment,
  length: number,
  stride: number,
): TextExamples {
  const { actionDim, stateDim } = description
  const count = demonstrations.reduce((sum, d) => sum + Math.ceil(d.length / stride), 0)
  const states = new Float32Array(count * stateDim)
  const actions = new Float32Array(count * length * actionDim)
  const prompts: string[] = []
  for (const d of demonstrations) {
    const prompt = embodimentPrompt(description, length, d.instruction)
    for (let step = 0; step < d.length; step += stride) {
      const row = prompts.push(prompt) - 1
      states.set(d.states.subarray(step * stateDim, (step + 1) * stateDim), row * stateDim)
      writeChunk(d.actions, step, actionDim, actions.subarray(row * length * actionDim), length)
    }
  }
  return { embodiment: description.id, count, states, prompts, actions, motions: [] }
}
