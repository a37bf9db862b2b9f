import { Rng } from '@vla-gym/gymnasium'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nanoConfig } from '../../../policy/index.js'
import { defaultTokenizerJson, loadTokenizer } from '../../../policy/tokenizer.js'
import { syntheticExamples, withSyntheticRobots } from '../../../rl/textToAction/corpus.js'
import { type Instruction, type Motion, sampleInstruction } from '../../../rl/textToAction/instructions.js'
import { actionsOf } from '../../../rl/textToAction/motions.js'
import { type SyntheticRobot, syntheticRobots } from '../../../rl/textToAction/robots.js'

const robotOf = (id: string) => syntheticRobots.find(({ description }) => description.id === id)!
const robots = fc.constantFrom(...syntheticRobots)
const radians = (degrees: number) => (degrees * Math.PI) / 180
const axes = {
  forward: [1, 0, 0],
  back: [-1, 0, 0],
  left: [0, 1, 0],
  right: [0, -1, 0],
  up: [0, 0, 1],
  down: [0, 0, -1],
}

/** A state within the robot's range and an instruction for it. */
function example(robot: SyntheticRobot, seed: number): { state: number[]; instruction: Instruction } {
  const rng = Rng.fromSeed(seed)
  const state = robot.stateLow.map((low, i) => rng.uniform(low, robot.stateHigh[i]))
  return { state, instruction: sampleInstruction(robot, rng.choice(['training', 'held-out'] as const), rng) }
}

/** What the motions add up to: position in m and yaw in rad for an end effector, joint angles for two arms. */
function asked(robot: SyntheticRobot, motions: readonly Motion[], state: readonly number[]): number[] {
  const total = robot.kind === 'joints' ? [...state] : new Array(7).fill(0)
  for (const motion of motions) {
    if (motion.kind === 'move')
      for (let axis = 0; axis < 3; axis++)
        total[axis] += (axes[motion.direction][axis] * motion.centimetres) / 100
    if (motion.kind === 'turn') total[5] += (motion.direction === 'left' ? 1 : -1) * radians(motion.degrees)
    if (motion.kind === 'joint') total[7 * motion.arm + motion.joint] += radians(motion.degrees)
  }
  return total
}

describe('actionsOf', () => {
  // Long enough for the longest instruction on the fastest controller.
  const steps = 64

  it('goes where the instruction says, exactly, at no more than the usual speed', () => {
    fc.assert(
      fc.property(robots, fc.nat(), (robot, seed) => {
        const { state, instruction } = example(robot, seed)
        const { actionDim, controlFrequency } = robot.description
        const actions = actionsOf(robot, instruction.motions, state, steps)
        const wanted = asked(robot, instruction.motions, state)
        for (let channel = 0; channel < actionDim; channel++) {
          if (channel % 7 === 6) continue // a gripper
          const values = Array.from({ length: steps }, (_, step) => actions[step * actionDim + channel])
          if (robot.kind === 'joints') {
            // float32 angles of up to 2 rad
            expect(values.at(-1)).toBeCloseTo(wanted[channel], 6)
            values.forEach((value, step) => {
              const change = Math.abs(value - (step === 0 ? state[channel] : values[step - 1]))
              expect(change * controlFrequency).toBeLessThan(1 + 1e-4)
            })
          } else {
            const unit = channel < 3 ? robot.positionUnit : robot.rotationUnit
            expect(unit * values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(wanted[channel], 6)
            const fastest = unit * Math.max(...values.map(Math.abs)) * controlFrequency
            expect(fastest).toBeLessThan((channel < 3 ? 0.1 : 0.3) + 1e-6)
          }
        }
      }),
    )
  })

  it('slows down to what the statistics can hold', () => {
    const robot = robotOf('widowx')
    const range = { q01: new Array(7).fill(-0.01), q99: new Array(7).fill(0.004) }
    const move = (direction: 'left' | 'right') =>
      actionsOf(robot, [{ kind: 'move', direction, centimetres: 4 }], robot.stateLow, steps, range)
    const lateral = (actions: Float32Array) => [...actions].filter((_, i) => i % 7 === 1)
    expect(Math.max(...lateral(move('left')))).toBeCloseTo(0.004, 6)
    expect(Math.min(...lateral(move('right')))).toBeCloseTo(-0.01, 6)
    for (const [direction, sum] of [
      ['left', 0.04],
      ['right', -0.04],
    ] as const)
      expect(lateral(move(direction)).reduce((a, b) => a + b, 0)).toBeCloseTo(sum, 6)
  })

  it.each([
    ['widowx', [1, 1, 1, -1, -1, -1]],
    ['franka', [-1, -1, -1, 1, 1, 1]],
    // The Google Robot's gripper actions are changes: nothing while the arm moves, then two steps of closing.
    ['google_robot', [0, 0, 1, 1, 0, 0]],
  ])('keeps the gripper of %s until it is to be closed', (id, expected) => {
    const robot = robotOf(id)
    const { controlFrequency } = robot.description
    const centimetres = controlFrequency === 5 ? 6 : controlFrequency === 3 ? 5 : 1.5
    const motions: Motion[] = [
      { kind: 'move', direction: 'up', centimetres },
      { kind: 'gripper', arm: 0, open: false },
    ]
    const grippers = [...actionsOf(robot, motions, robot.stateHigh, 6)].filter((_, i) => i % 7 === 6)
    expect(grippers).toEqual(expected)
  })

  it('closes one gripper of two and holds everything else', () => {
    const robot = robotOf('aloha')
    const state = robot.stateHigh
    const actions = actionsOf(robot, [{ kind: 'gripper', arm: 1, open: false }], state, 3)
    const held = state.map((value, i) => (i === 13 ? 0 : Math.fround(value)))
    expect([...actions]).toEqual([...held, ...held, ...held])
  })
})

describe('instructions', () => {
  const entries = withSyntheticRobots({}, 32)
  const tokenizer = loadTokenizer(defaultTokenizerJson())
  const unknown = BigInt(JSON.parse(defaultTokenizerJson()).model.vocab['[UNK]'])

  it('are made of known words and fit the prompt, for chunks and long sequences', () => {
    for (const length of [nanoConfig.chunkSize, 32]) {
      for (const split of ['training', 'held-out'] as const) {
        const groups = syntheticExamples(entries, 1000, length, split, 0)
        const prompts = [...new Set(groups.flatMap((group) => group.prompts))]
        expect(tokenizer.encodePrompts(prompts, nanoConfig.promptLength)).not.toContain(unknown)
      }
    }
  })

  it('that are held out share neither a text nor a direction with its amount with training', () => {
    const pairs = (motions: readonly Motion[]) =>
      motions.filter(({ kind }) => kind !== 'gripper').map((motion) => JSON.stringify(motion))
    const [training, heldOut] = (['training', 'held-out'] as const).map((split) =>
      syntheticExamples(entries, 8000, 8, split, 0),
    )
    const texts = new Set(training.flatMap((group) => group.prompts))
    const seen = new Set(training.flatMap((group) => group.motions.flatMap(pairs)))
    for (const group of heldOut) {
      expect(group.prompts.filter((prompt) => texts.has(prompt))).toEqual([])
      expect(group.motions.flatMap(pairs).filter((pair) => seen.has(pair))).toEqual([])
    }
    expect(heldOut.flatMap((group) => group.motions.flatMap(pairs))).toContain(
      '{"kind":"move","direction":"left","centimetres":5}',
    )
  })

  it('depend on the seed and nothing else, and start from gripper states that the robot has', () => {
    const draw = (seed: number) => syntheticExamples(entries, 64, 8, 'training', seed)
    expect(draw(3)).toEqual(draw(3))
    expect(draw(3)[0].prompts).not.toEqual(draw(4)[0].prompts)
    const { states, count } = draw(3)[0]
    const commands = Array.from({ length: count }, (_, row) => states[row * 14 + 7])
    expect(new Set(commands)).toEqual(new Set([-1, 1]))
  })
})
