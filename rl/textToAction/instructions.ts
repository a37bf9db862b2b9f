import type { Rng } from '@vla-gym/gymnasium'
import type { SyntheticRobot } from './robots.js'

export const directions = ['left', 'right', 'forward', 'back', 'up', 'down'] as const
export type Direction = (typeof directions)[number]

/** What an instruction asks for, one thing after the other. */
export type Motion =
  | { readonly kind: 'move'; readonly direction: Direction; readonly centimetres: number }
  /** About the vertical: left is counterclockwise seen from above. */
  | { readonly kind: 'turn'; readonly direction: 'left' | 'right'; readonly degrees: number }
  | { readonly kind: 'joint'; readonly arm: number; readonly joint: number; readonly degrees: number }
  | { readonly kind: 'gripper'; readonly arm: number; readonly open: boolean }

export interface Instruction {
  readonly text: string
  readonly motions: readonly Motion[]
}

/** Held-out instructions have a template and a pair of direction and amount that training never has. */
export type Split = 'training' | 'held-out'

const centimetres = [2, 3, 4, 5, 6, 7, 8, 9, 10]
const degrees = [5, 10, 15, 20, 25, 30]

const isHeldOut = (direction: number, amount: number): boolean => (direction + amount) % 4 === 3

/** An amount for one of the directions, numbered; every direction lacks a quarter of the amounts in training. */
function amountFor(values: readonly number[], direction: number, split: Split, rng: Rng): number {
  return rng.choice(values.filter((_, i) => isHeldOut(direction, i) === (split === 'held-out')))
}

const adverb = (direction: Direction): string =>
  direction === 'left' || direction === 'right' ? `to the ${direction}` : direction

type Template = (amount: number, direction: Direction) => string

const moves: Record<Split, readonly Template[]> = {
  training: [
    (n, d) => `move the gripper ${n} cm ${adverb(d)}`,
    (n, d) => `move the gripper ${adverb(d)} by ${n} cm`,
    (n, d) => `move ${n} cm ${adverb(d)}`,
    (n, d) => `move ${d} by ${n} cm`,
    (n, d) => `go ${d} ${n} cm`,
    (n, d) => `bring the arm ${n} cm ${adverb(d)}`,
    (n, d) => `slide ${d} by ${n} cm`,
  ],
  'held-out': [(n, d) => `move ${d} ${n} cm`, (n, d) => `bring the gripper ${adverb(d)} by ${n} cm`],
}

const turns: Record<Split, readonly Template[]> = {
  training: [
    (n, d) => `rotate the gripper ${n} degrees ${adverb(d)}`,
    (n, d) => `rotate the gripper ${adverb(d)} by ${n} degrees`,
    (n, d) => `turn ${d} by ${n} degrees`,
    (n, d) => `turn the gripper ${n} degrees ${adverb(d)}`,
    (n, d) => `rotate ${n} degrees ${adverb(d)}`,
  ],
  'held-out': [(n, d) => `rotate ${d} by ${n} degrees`, (n, d) => `turn ${n} degrees ${adverb(d)}`],
}

const joints: Record<Split, readonly ((joint: number, arm: string, n: number) => string)[]> = {
  training: [
    (joint, arm, n) => `rotate ${arm} joint ${joint} by ${n} degrees`,
    (joint, arm, n) => `turn ${arm} joint ${joint} ${n} degrees`,
    (joint, arm, n) => `${arm} arm: rotate joint ${joint} by ${n} degrees`,
  ],
  'held-out': [(joint, arm, n) => `${arm} arm: turn joint ${joint} ${n} degrees`],
}

/** `arm` is 'left ', 'right ' or nothing. */
const grippers: Record<Split, Record<'open' | 'close', readonly ((arm: string) => string)[]>> = {
  training: {
    open: [(arm) => `open the ${arm}gripper`, (arm) => `open ${arm}gripper`, (arm) => `${arm}gripper open`],
    close: [
      (arm) => `close the ${arm}gripper`,
      (arm) => `close ${arm}gripper`,
      (arm) => `${arm}gripper close`,
    ],
  },
  'held-out': {
    open: [(arm) => `set ${arm}gripper open`],
    close: [(arm) => `set ${arm}gripper close`],
  },
}

const joiners: Record<Split, readonly string[]> = {
  training: [' then ', ', then '],
  'held-out': [' and then '],
}

/** Shares of single motions and of two in a row. */
const sequenceShare = 0.2
const gripperShare = 0.2
const turnShare = 0.2

/** An instruction for a robot, with what it means. */
export function sampleInstruction(robot: SyntheticRobot, split: Split, rng: Rng): Instruction {
  const first = sampleArmMotion(robot, split, rng)
  const kind = rng.uniform()
  if (kind < gripperShare) return sampleGripper(robot, split, rng)
  if (kind > 1 - sequenceShare) {
    const second = sampleGripper(robot, split, rng)
    return {
      text: first.text + rng.choice(joiners[split]) + second.text,
      motions: [...first.motions, ...second.motions],
    }
  }
  return first
}

function sampleArmMotion(robot: SyntheticRobot, split: Split, rng: Rng): Instruction {
  if (robot.kind === 'joints') {
    const arm = rng.integers(0, robot.arms.length)
    const joint = rng.integers(0, robot.jointsPerArm)
    const sign = rng.choice([-1, 1])
    const amount = sign * amountFor(degrees, arm + joint + (sign + 1) / 2, split, rng)
    const text = rng.choice(joints[split])(joint + 1, robot.arms[arm], amount)
    return { text, motions: [{ kind: 'joint', arm, joint, degrees: amount }] }
  }
  if (rng.uniform() < turnShare) {
    const direction = rng.choice(['left', 'right'] as const)
    const amount = amountFor(degrees, directions.indexOf(direction), split, rng)
    const text = rng.choice(turns[split])(amount, direction)
    return { text, motions: [{ kind: 'turn', direction, degrees: amount }] }
  }
  const direction = rng.choice(directions)
  const amount = amountFor(centimetres, directions.indexOf(direction), split, rng)
  const text = rng.choice(moves[split])(amount, direction)
  return { text, motions: [{ kind: 'move', direction, centimetres: amount }] }
}

function sampleGripper(robot: SyntheticRobot, split: Split, rng: Rng): Instruction {
  const open = rng.uniform() < 0.5
  const arm = robot.kind === 'joints' ? rng.integers(0, robot.arms.length) : 0
  const name = robot.kind === 'joints' ? `${robot.arms[arm]} ` : ''
  const text = rng.choice(grippers[split][open ? 'open' : 'close'])(name)
  return { text, motions: [{ kind: 'gripper', arm, open }] }
}
