import type RAPIER from '@dimforge/rapier3d-simd-compat'
import type { Body } from '../geometry.js'
import { fromRotationVector, multiply } from '../math/quat.js'
import type { Numbers } from '../math/vec3.js'
import { fingerBody, linkBodies } from '../robots/armSpec.js'
import { BaseFrame } from '../robots/baseFrame.js'
import { InverseKinematics } from '../robots/inverseKinematics.js'
import { ArmKinematics } from '../robots/kinematics.js'
import { MotionProfile } from '../robots/motionProfile.js'
import { googleRobotArm as arm, INITIAL_QPOS } from './googleRobotArm.js'
import { Hand, type HandState } from './hand.js'

/** Height of the base's frame above the floor, m (ManiSkill2_real2sim envs/custom_scenes/base_env.py). */
export const BASE_HEIGHT = 0.07905
const JOINTS = arm.joints.length

/** ManiSkill2_real2sim agents/configs/google_robot/defaults.py. */
const ARM_LIMITS = { velocity: 1.5, acceleration: 2, jerk: 50 }
const FINGER_LIMITS = { velocity: 1, acceleration: 7, jerk: 50 }
/** Change of the fingers' target by an action of 1, rad. */
export const FINGER_DELTA = 1.31
/** Middle of the hand from the gripper body's frame along its z, m. */
const MIDDLE = 0.085
/** Smaller changes leave the last target as it was, rad. */
const SMALL_DELTA = 1e-3

/** Where the base stands in the world: m, and rad about z. */
export interface BasePlace {
  readonly x: number
  readonly y: number
  readonly yaw: number
}

/**
 * SimplerEnv's Google Robot with its controller
 * `arm_pd_ee_delta_pose_align_interpolate_by_planner_gripper_pd_joint_target_delta_pos_interpolate_by_planner`
 * (ManiSkill2_real2sim agents/controllers/pd_ee_pose.py, pd_joint_pos.py).
 *
 * Arm: an action moves the measured TCP pose; where inverse kinematics fails the target is the measured joints. A
 * jerk-limited path goes on from the last one's waypoint and speed, and joints follow its positions:
 * damping·q' = stiffness·(path - q) + Jᵀ·force, with the force of the world on the hand. They lag by
 * damping/stiffness = 0.56 to 0.78 s; inertia hardly shows.
 *
 * Fingers: an action moves the last waypoint that the drives had; paths begin at the measured angles and speeds.
 */
export class GoogleRobot {
  /** Measured joint positions of the arm, rad. */
  readonly q = Float64Array.from(INITIAL_QPOS)
  /** At the measured joint positions, base frame. */
  readonly kinematics = new ArmKinematics(arm)
  readonly hand: Hand
  /** Where the base stands. */
  base = new BaseFrame({ basePosition: [0, 0, BASE_HEIGHT], baseYaw: 0 })
  private readonly timestep: number
  private readonly ik = new InverseKinematics(arm)
  private readonly approach: Float64Array
  private readonly armPath = new MotionProfile(JOINTS, ARM_LIMITS)
  private readonly fingerPath = new MotionProfile(2, FINGER_LIMITS)
  /** Since the paths began, s. */
  private time = 0
  private readonly waypoint = new Float64Array(JOINTS)
  private readonly waySpeed = new Float64Array(JOINTS)
  private readonly fingerWaypoint = new Float64Array(2)
  private readonly fingerWaySpeed = new Float64Array(2)
  private readonly fingerTarget = new Float64Array(2)
  /** Where the present path leads, rad. */
  readonly jointTarget = new Float64Array(JOINTS)
  private readonly startSpeed = new Float64Array(2)
  private place: BasePlace = { x: 0, y: 0, yaw: 0 }
  private readonly target = new Float64Array(7)
  private readonly scratch = new Float64Array(7)
  private readonly vector = new Float64Array(3)
  private readonly force = new Float64Array(3)
  private readonly torque = new Float64Array(3)
  private readonly point = new Float64Array(3)

  constructor(world: RAPIER.World, timestep: number) {
    this.timestep = timestep
    this.hand = new Hand(world, arm, timestep)
    this.approach = Float64Array.from(arm.joints, (j) => 1 - Math.exp((-timestep * j.stiffness) / j.damping))
  }

  bind(world: RAPIER.World): void {
    this.hand.bind(world)
  }

  /** At its initial pose, at rest, with open fingers, at a place. */
  reset(place: BasePlace): void {
    this.stand(place)
    this.q.set(INITIAL_QPOS)
    this.waypoint.set(INITIAL_QPOS)
    for (const array of [this.waySpeed, this.fingerWaypoint, this.fingerWaySpeed, this.fingerTarget])
      array.fill(0)
    this.armPath.plan(this.q, this.waySpeed, this.q)
    this.fingerPath.plan(this.fingerTarget, this.fingerWaySpeed, this.fingerTarget)
    this.time = 0
    this.kinematics.forward(this.q)
    this.hand.reset(this.palmPose())
  }

  /** Takes an action: dx, dy, dz m and a rotation vector rad in the base's axes, and -1 (opens) ... 1 (closes). */
  act(action: Numbers): void {
    const { kinematics, q, target, vector, scratch } = this
    const { tcp } = kinematics
    for (let i = 0; i < 3; i++) {
      target[i] = tcp[i] + action[i]
      vector[i] = action[3 + i]
    }
    const turn = fromRotationVector([0, 0, 0, 1], vector)
    for (let i = 0; i < 4; i++) scratch[i] = tcp[3 + i]
    multiply(scratch, turn, scratch)
    const length = Math.hypot(scratch[0], scratch[1], scratch[2], scratch[3])
    for (let i = 0; i < 4; i++) target[3 + i] = scratch[i] / length
    if (!this.ik.solve(target, q, this.jointTarget)) this.jointTarget.set(q)
    this.armPath.plan(this.waypoint, this.waySpeed, this.jointTarget)
    this.moveFingers(FINGER_DELTA * Math.min(1, Math.max(-1, action[6])))
    this.time = 0
  }

  /** Moves joints by a timestep, and tells the hand's bodies where to be at its end. */
  beforeStep(): void {
    this.giveWay()
    this.moveJoints()
    this.hand.follow(this.palmPose(), this.fingerWaypoint, this.fingerWaySpeed)
  }

  /** A timestep in which nothing is near the hand; `land` takes its bodies along after the last. */
  glide(): void {
    this.moveJoints()
    this.hand.turnFingers(this.fingerWaypoint, this.fingerWaySpeed)
  }

  /** The hand's bodies are where the joints have them, and nothing pushes. */
  land(): void {
    this.hand.place(this.palmPose())
  }

  /** World position of the middle of the hand where the joints have it, into `out`, [3]. */
  middle(out: Float64Array): Float64Array {
    const { scratch } = this
    this.palmPose()
    const [x, y, z, w] = [scratch[3], scratch[4], scratch[5], scratch[6]]
    out[0] = scratch[0] + MIDDLE * 2 * (x * z + w * y)
    out[1] = scratch[1] + MIDDLE * 2 * (y * z - w * x)
    out[2] = scratch[2] + MIDDLE * (1 - 2 * (x * x + y * y))
    return out
  }

  /** Measures what the world did to the hand. */
  afterStep(): void {
    this.hand.feel()
  }

  /** Of the fingers, 0 closed ... 1 open. */
  opening(): number {
    const { upper } = arm.gripper
    const angle = (this.hand.angles[0] + this.hand.angles[1]) / 2
    return Math.min(1, Math.max(0, 1 - angle / upper))
  }

  /** Bodies that a camera sees, base first, with names that `visitPoses` uses. */
  bodies(): Body[] {
    return [...linkBodies(arm), fingerBody(arm, 'left'), fingerBody(arm, 'right')]
  }

  visitPoses(visit: (name: string, pose: Float64Array) => void): void {
    const { scratch, kinematics, base } = this
    scratch.set(IDENTITY)
    visit(arm.links[0].name, base.toWorld(scratch))
    for (let link = 0; link < JOINTS - 1; link++) {
      scratch.set(kinematics.links.subarray(7 * link, 7 * link + 7))
      visit(arm.links[link + 1].name, base.toWorld(scratch))
    }
    this.hand.visitPoses(visit)
  }

  /** What the physics world does not hold. */
  save(): RobotState {
    return {
      place: this.place,
      q: [...this.q],
      time: this.time,
      armPath: this.armPath.save(),
      fingerPath: this.fingerPath.save(),
      fingerTarget: [...this.fingerTarget],
      hand: this.hand.save(),
    }
  }

  restore(state: RobotState): void {
    this.stand(state.place)
    this.q.set(state.q)
    this.kinematics.forward(this.q)
    this.time = state.time
    this.armPath.restore(state.armPath)
    this.fingerPath.restore(state.fingerPath)
    this.armPath.at(this.time, this.waypoint, this.waySpeed)
    this.fingerPath.at(this.time, this.fingerWaypoint, this.fingerWaySpeed)
    this.fingerTarget.set(state.fingerTarget)
    this.hand.restore(state.hand)
  }

  private stand(place: BasePlace): void {
    this.place = place
    this.base = new BaseFrame({ basePosition: [place.x, place.y, BASE_HEIGHT], baseYaw: place.yaw })
  }

  private moveFingers(delta: number): void {
    const { hand, fingerWaypoint, fingerTarget, startSpeed } = this
    const { closedTarget, openTarget } = arm.gripper
    for (let side = 0; side < 2; side++) {
      const { velocity } = FINGER_LIMITS
      startSpeed[side] = Math.min(velocity, Math.max(-velocity, hand.speeds[side]))
      if (Math.abs(delta) < SMALL_DELTA) continue
      fingerTarget[side] = Math.min(closedTarget, Math.max(openTarget, fingerWaypoint[side] + delta))
    }
    this.fingerPath.plan(hand.angles, startSpeed, fingerTarget)
  }

  private moveJoints(): void {
    const { q, waypoint, approach } = this
    this.time += this.timestep
    this.armPath.at(this.time, waypoint, this.waySpeed)
    for (let i = 0; i < JOINTS; i++) {
      const { lower, upper } = arm.joints[i]
      q[i] = Math.min(upper, Math.max(lower, q[i] + (waypoint[i] - q[i]) * approach[i]))
    }
    this.kinematics.forward(q)
    this.fingerPath.at(this.time, this.fingerWaypoint, this.fingerWaySpeed)
  }

  /** The joints' part of what the world does to the hand: damping·q' gains Jᵀ·force. */
  private giveWay(): void {
    const { q, kinematics, hand, force, torque, point, timestep } = this
    const { axes, links } = kinematics
    this.turnToBase(force, hand.push, 0)
    this.turnToBase(torque, hand.push, 3)
    point.set(hand.center)
    this.base.toBase(point)
    for (let i = 0; i < JOINTS; i++) {
      const [ax, ay, az] = [axes[3 * i], axes[3 * i + 1], axes[3 * i + 2]]
      const x = point[0] - links[7 * i]
      const y = point[1] - links[7 * i + 1]
      const z = point[2] - links[7 * i + 2]
      const work =
        force[0] * (ay * z - az * y) +
        force[1] * (az * x - ax * z) +
        force[2] * (ax * y - ay * x) +
        torque[0] * ax +
        torque[1] * ay +
        torque[2] * az
      q[i] += (timestep * work) / arm.joints[i].damping
    }
  }

  /** Three numbers of a world vector in the base's axes. */
  private turnToBase(out: Float64Array, from: Numbers, at: number): void {
    const [c, s] = [Math.cos(this.place.yaw), Math.sin(this.place.yaw)]
    out[0] = c * from[at] + s * from[at + 1]
    out[1] = -s * from[at] + c * from[at + 1]
    out[2] = from[at + 2]
  }

  /** World pose of the gripper body where the joints have it. */
  private palmPose(): Float64Array {
    const { scratch, kinematics } = this
    const last = 7 * (JOINTS - 1)
    for (let i = 0; i < 7; i++) scratch[i] = kinematics.links[last + i]
    return this.base.toWorld(scratch)
  }
}

export interface RobotState {
  readonly place: BasePlace
  readonly q: readonly number[]
  readonly time: number
  readonly armPath: readonly number[]
  readonly fingerPath: readonly number[]
  readonly fingerTarget: readonly number[]
  readonly hand: HandState
}

const IDENTITY = [0, 0, 0, 0, 0, 0, 1]
