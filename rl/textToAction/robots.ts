import { embodiments } from '../../envs/index.js'
import type { Embodiment } from '../../policy/index.js'

interface Gripper {
  /** Action values that open and close it. */
  readonly open: number
  readonly closed: number
  /** `hold`: the value is a command that stays in force; `pulse`: a change, 0 when nothing is to happen. */
  readonly mode: 'hold' | 'pulse'
}

interface Common {
  readonly description: Embodiment
  /** Typical states, low and high: what synthetic examples start from, uniformly. */
  readonly stateLow: readonly number[]
  readonly stateHigh: readonly number[]
  readonly gripper: Gripper
}

/** Actions [dx, dy, dz, rx, ry, rz, gripper] in the base frame: x forward, y left, z up. */
export interface EndEffectorRobot extends Common {
  readonly kind: 'end-effector'
  /** Metres and radians of an action of 1. */
  readonly positionUnit: number
  readonly rotationUnit: number
  /** State channel whose sign (from the middle of its range) tells the gripper command in force: high is open. */
  readonly gripperState: number
}

/** Actions are absolute joint angles and a gripper for each arm, left first; the state has the same layout. */
export interface JointRobot extends Common {
  readonly kind: 'joints'
  readonly arms: readonly ['left', 'right']
  readonly jointsPerArm: number
}

export type SyntheticRobot = EndEffectorRobot | JointRobot

const repeat = (values: readonly number[], times: number): number[] =>
  Array.from({ length: times }, () => values).flat()

/** A robot as the simulator has it, less the size of its actions, which a policy is not told. */
function simulated(id: string): Embodiment {
  const { actionScale: _, ...description } = embodiments.get(id)!
  return description
}

/** SimplerEnv's WidowX: the gripper command is a target, 1 open and -1 closed. */
const widowx: EndEffectorRobot = {
  kind: 'end-effector',
  description: simulated('widowx'),
  stateLow: [0.2, -0.07, 0.02, -0.06, -0.06, -1.6, 0.4, -1, -0.02, -0.03, -0.03, -0.04, -0.04, -0.2],
  stateHigh: [0.4, 0.13, 0.13, 0.06, 0.06, 0.2, 1, 1, 0.02, 0.03, 0.03, 0.04, 0.04, 0.05],
  positionUnit: 1,
  rotationUnit: 1,
  gripper: { open: 1, closed: -1, mode: 'hold' },
  gripperState: 7,
}

/** SimplerEnv's Google Robot: the gripper action changes the finger target, 1 closes, -1 opens. */
const googleRobot: EndEffectorRobot = {
  kind: 'end-effector',
  description: simulated('google_robot'),
  stateLow: [0.4, -0.2, 0.7, -0.1, -0.1, -1.6, 0],
  stateHigh: [0.8, 0.4, 1.1, 0.1, 0.1, 1.6, 1],
  positionUnit: 1,
  rotationUnit: 1,
  gripper: { open: -1, closed: 1, mode: 'pulse' },
  gripperState: 6,
}

/** LIBERO's Franka Panda (OSC_POSE, an action of 1 is 5 cm or 0.5 rad): gripper 1 closes, -1 opens. */
const franka: EndEffectorRobot = {
  kind: 'end-effector',
  description: {
    id: 'franka',
    robotTag: 'Franka Panda',
    arms: 'single arm',
    waist: false,
    mobileBase: false,
    actionDim: 7,
    controlFrequency: 20,
    stateDim: 7,
    actionNames: ['dx', 'dy', 'dz', 'rx', 'ry', 'rz', 'gripper'],
    stateNames: ['x', 'y', 'z', 'rx', 'ry', 'rz', 'opening'],
  },
  stateLow: [0.35, -0.25, 0.05, -0.1, -0.1, -1.6, 0],
  stateHigh: [0.7, 0.25, 0.4, 0.1, 0.1, 1.6, 1],
  positionUnit: 0.05,
  rotationUnit: 0.5,
  gripper: { open: -1, closed: 1, mode: 'hold' },
  gripperState: 6,
}

/** gym-aloha's two ViperX 300s: absolute joint angles and a gripper opening 0 ... 1. */
const aloha: JointRobot = {
  kind: 'joints',
  description: simulated('aloha'),
  stateLow: repeat([-0.6, -1.3, 0.6, -0.5, -0.8, -0.5, 0], 2),
  stateHigh: repeat([0.6, -0.4, 1.5, 0.5, 0.2, 0.5, 1], 2),
  gripper: { open: 1, closed: 0, mode: 'hold' },
  arms: ['left', 'right'],
  jointsPerArm: 6,
}

/** Robots of the synthetic text-to-action examples; each keeps its own action space, which the prompt names. */
export const syntheticRobots: readonly SyntheticRobot[] = [widowx, googleRobot, franka, aloha]
