import type { QuantileStats } from '../../policy/index.js'
import type { Direction, Motion } from './instructions.js'
import type { EndEffectorRobot, JointRobot, SyntheticRobot } from './robots.js'

/** Speeds of the synthetic motions: m/s, rad/s of the tool, rad/s of a joint. */
const moveSpeed = 0.1
const turnSpeed = 0.3
const jointSpeed = 1
/** A gripper is given this long before the next motion begins, s. */
const gripperSeconds = 0.6

/** Action channel and sign of a direction in the base frame: x forward, y left, z up. */
const axes: Record<Direction, readonly [channel: number, sign: number]> = {
  forward: [0, 1],
  back: [0, -1],
  left: [1, 1],
  right: [1, -1],
  up: [2, 1],
  down: [2, -1],
}
const yawChannel = 5
const gripperChannel = 6

const radians = (degrees: number): number => (degrees * Math.PI) / 180

/**
 * The actions that do what an instruction asks for, in closed form: every motion at constant speed, as many control
 * steps as it takes, one after the other, then the arm holds still. What does not fit into `steps` is cut off.
 * @param state robot units, [stateDim]
 * @param range the robot's action statistics: motions are slowed down to stay within them
 * @returns [steps, actionDim] robot space
 */
export function actionsOf(
  robot: SyntheticRobot,
  motions: readonly Motion[],
  state: ArrayLike<number>,
  steps: number,
  range?: QuantileStats,
): Float32Array {
  return robot.kind === 'joints'
    ? jointActions(robot, motions, state, steps)
    : endEffectorActions(robot, motions, state, steps, range)
}

function endEffectorActions(
  robot: EndEffectorRobot,
  motions: readonly Motion[],
  state: ArrayLike<number>,
  steps: number,
  range?: QuantileStats,
): Float32Array {
  const { description, gripper, gripperState } = robot
  const { actionDim, controlFrequency } = description
  const out = new Float32Array(steps * actionDim)
  const middle = (robot.stateLow[gripperState] + robot.stateHigh[gripperState]) / 2
  const isOpen = state[gripperState] > middle
  const holding = isOpen ? gripper.open : gripper.closed
  const fillGripper = (from: number, to: number, value: number) => {
    for (let step = from; step < Math.min(to, steps); step++) out[step * actionDim + gripperChannel] = value
  }
  if (gripper.mode === 'hold') fillGripper(0, steps, holding)

  let step = 0
  const go = (channel: number, distance: number, speed: number) => {
    const usual = speed / controlFrequency
    const side = range ? (distance > 0 ? range.q99[channel] : -range.q01[channel]) : usual
    // A channel that the robot's data hardly moved says nothing about how fast it goes.
    const stride = side > usual / 10 ? Math.min(usual, side) : usual
    const count = Math.ceil(Math.abs(distance) / stride - 1e-9)
    for (const end = step + count; step < end; step++)
      if (step < steps) out[step * actionDim + channel] = distance / count
  }
  for (const motion of motions) {
    if (motion.kind === 'move') {
      const [channel, sign] = axes[motion.direction]
      const unit = robot.positionUnit
      go(channel, (sign * motion.centimetres) / 100 / unit, moveSpeed / unit)
    } else if (motion.kind === 'turn') {
      const sign = motion.direction === 'left' ? 1 : -1
      const unit = robot.rotationUnit
      go(yawChannel, (sign * radians(motion.degrees)) / unit, turnSpeed / unit)
    } else if (motion.kind === 'gripper') {
      const end = step + Math.ceil(gripperSeconds * controlFrequency)
      fillGripper(step, gripper.mode === 'hold' ? steps : end, motion.open ? gripper.open : gripper.closed)
      step = end
    }
  }
  return out
}

function jointActions(
  robot: JointRobot,
  motions: readonly Motion[],
  state: ArrayLike<number>,
  steps: number,
): Float32Array {
  const { controlFrequency, actionDim } = robot.description
  const armChannels = robot.jointsPerArm + 1
  const out = new Float32Array(steps * actionDim)
  const target = Float64Array.from(state)
  let step = 0
  const emit = () => {
    if (step < steps) out.set(target, step * actionDim)
    step += 1
  }
  for (const motion of motions) {
    if (motion.kind === 'joint') {
      const channel = motion.arm * armChannels + motion.joint
      const distance = radians(motion.degrees)
      const count = Math.ceil((Math.abs(distance) * controlFrequency) / jointSpeed - 1e-9)
      const start = target[channel]
      for (let i = 1; i <= count; i++) {
        target[channel] = start + (distance * i) / count
        emit()
      }
    } else if (motion.kind === 'gripper') {
      const { open, closed } = robot.gripper
      target[motion.arm * armChannels + robot.jointsPerArm] = motion.open ? open : closed
      for (let i = 0; i < Math.ceil(gripperSeconds * controlFrequency); i++) emit()
    }
  }
  while (step < steps) emit()
  return out
}
