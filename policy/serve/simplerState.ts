import { type Quaternion, rotationFormats, rotationVector } from '../remote/rotations.js'
import { WireError } from '../wire/wireError.js'

/** vla-eval's SimplerEnv state: position 3 (m, base frame), quaternion wxyz, gripper opening 0 ... 1. */
export const eefStateSize = 8

type Vector = [number, number, number]
const { read: toQuaternion } = rotationFormats['rotation-vector']

const product = (a: Quaternion, b: Quaternion): Quaternion => [
  a[3] * b[0] + a[0] * b[3] + a[1] * b[2] - a[2] * b[1],
  a[3] * b[1] - a[0] * b[2] + a[1] * b[3] + a[2] * b[0],
  a[3] * b[2] + a[0] * b[1] - a[1] * b[0] + a[2] * b[3],
  a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2],
]
const inverse = ([x, y, z, w]: Quaternion): Quaternion => [-x, -y, -z, w]
const turned = (q: Quaternion, [x, y, z]: Vector): Vector => {
  const [a, b, c] = product(product(q, [x, y, z, 0]), inverse(q))
  return [a, b, c]
}
/** Rotation vector from b to a. */
const difference = (a: Quaternion, b: Quaternion): number[] => rotationVector(product(a, inverse(b)))

/**
 * The simulator's 14 state numbers from what SimplerEnv measures. Those that it does not tell (the last gripper command,
 * and how far the controller's target leads) follow from the actions that were sent and the target's rule
 * (ManiSkill2_real2sim agents/controllers/pd_ee_pose.py: `ee_align2`, use_target). It takes every observation of an
 * episode, and the action after each.
 */
export class SimplerState {
  private home: Quaternion | undefined
  private position: Vector = [0, 0, 0]
  private targetPosition: Vector = [0, 0, 0]
  private targetRotation: Quaternion = [0, 0, 0, 1]
  private gripper = 1

  /**
   * @param state [8]
   * @returns [14]
   * @throws WireError when its quaternion is none
   */
  observe(state: Float32Array): Float32Array {
    const rotation = rotationFormats['quaternion-wxyz'].read([...state.subarray(3, 7)])
    if (!rotation) throw new WireError("'states': numbers 3 to 6 are no quaternion wxyz")
    this.position = [state[0], state[1], state[2]]
    if (!this.home) {
      this.home = rotation
      this.targetPosition = this.position
      this.targetRotation = rotation
    }
    const { position, targetPosition } = this
    return Float32Array.of(
      ...position,
      ...difference(rotation, this.home),
      state[7],
      this.gripper,
      ...position.map((x, i) => targetPosition[i] - x),
      ...difference(this.targetRotation, rotation),
    )
  }

  /** @param action [7] robot space, sent after the last observation */
  act(action: Float32Array): void {
    const { position, targetPosition } = this
    const delta = toQuaternion([action[3], action[4], action[5]])
    const lever = turned(delta, [
      targetPosition[0] - position[0],
      targetPosition[1] - position[1],
      targetPosition[2] - position[2],
    ])
    this.targetPosition = [
      position[0] + action[0] + lever[0],
      position[1] + action[1] + lever[1],
      position[2] + action[2] + lever[2],
    ]
    this.targetRotation = product(delta, this.targetRotation)
    this.gripper = action[6] > 0 ? 1 : -1
  }
}
