import RAPIER from '@dimforge/rapier3d-simd-compat'
import type { Body } from '../geometry.js'
import { fromRotationVector, multiply, rotate } from '../math/quat.js'
import type { Numbers } from '../math/vec3.js'
import { addBody, GROUP_OBJECT, GROUP_ROBOT, GROUP_TABLE } from '../physics/rigidBodies.js'
import { type ArmSpec, fingerBody, linkBodies } from '../robots/armSpec.js'
import { Follower } from './follower.js'

/** What the solver has for the gripper's body and for a finger, kg and kg·m²; see `Follower`. */
const PALM = { mass: 2, inertia: 0.02 }
const FINGER = { mass: 1, inertia: 0.01 }
/**
 * Torque of a drive against what a finger holds, N·m: about 20 N at its tip. SimplerEnv's limit is 60 N·m, and targets
 * out of reach make full use of it; 600 N on a can of 20 g is more than the solver's contacts can take.
 */
const GRIP = 2
/** Share of it from which a finger counts as holding something; until then its drive is free to be fast. */
const HOLDING = 0.1
const SIDES = ['left', 'right'] as const

/**
 * Gripper body and two hinged fingers. As the arm's joints, hinges follow their drives without inertia:
 * damping·q' = stiffness·(target - q) + damping·target' + torque, with the torque of the world about the hinge.
 */
export class Hand {
  /** Joint positions and velocities of left and right, rad and rad/s. */
  readonly angles = new Float64Array(2)
  readonly speeds = new Float64Array(2)
  /** Force, N, of the world on all of the hand, and torque about `center`, N·m, in the last timestep; [6]. */
  readonly push = new Float64Array(6)
  readonly palm: Follower
  /** Left and right. */
  readonly fingers: readonly Follower[]
  private readonly arm: ArmSpec
  private readonly timestep: number
  private readonly fingerPose = new Float64Array(7)
  private readonly turn = new Float64Array(4)
  private readonly hinge = new Float64Array(3)
  private readonly axis = new Float64Array(3)
  private readonly vector = new Float64Array(3)

  constructor(world: RAPIER.World, arm: ArmSpec, timestep: number) {
    this.arm = arm
    this.timestep = timestep
    const last = arm.joints.length
    this.palm = addFollower(world, linkBodies(arm)[last], arm.links[last].mass.com, PALM, 1, timestep)
    this.fingers = SIDES.map((side, i) => {
      const { com } = arm.gripper.fingers[i].mass
      return addFollower(world, fingerBody(arm, side), com, FINGER, arm.gripper.friction, timestep)
    })
  }

  /** World position about which `push` has its torque: where the arm has the gripper body's centre of mass, [3]. */
  get center(): Float64Array {
    return this.palm.center
  }

  bind(world: RAPIER.World): void {
    this.palm.bind(world)
    for (const finger of this.fingers) finger.bind(world)
  }

  /** With open fingers at a pose of the gripper body, [7], world. */
  reset(pose: Numbers): void {
    this.angles.fill(0)
    this.speeds.fill(0)
    this.place(pose)
  }

  /** Bodies at a pose of the gripper body, [7], world, at the fingers' angles, free of all push. */
  place(pose: Numbers): void {
    this.push.fill(0)
    this.palm.place(pose)
    for (const [side, finger] of this.fingers.entries()) finger.place(this.poseOf(side))
  }

  /**
   * Before a timestep.
   * @param pose where the arm has the gripper body at its end, [7], world
   * @param targets of the fingers at its end, rad, and `targetSpeeds`, rad/s, [2]
   */
  follow(pose: Numbers, targets: Numbers, targetSpeeds: Numbers): void {
    this.turnFingers(targets, targetSpeeds)
    this.palm.follow(pose)
    for (let side = 0; side < 2; side++) this.fingers[side].follow(this.poseOf(side))
  }

  /** Of a timestep that nothing touches the hand in: the fingers alone; `place` takes the bodies along when it is over. */
  turnFingers(targets: Numbers, targetSpeeds: Numbers): void {
    const { angles, speeds, timestep } = this
    const { stiffness, damping, lower, upper } = this.arm.gripper
    for (let side = 0; side < 2; side++) {
      const drive = stiffness * (targets[side] - angles[side]) + damping * targetSpeeds[side]
      const load = this.hingeTorque(side)
      const limit = -load * Math.sign(drive) > HOLDING * GRIP ? GRIP : Number.POSITIVE_INFINITY
      const torque = Math.min(limit, Math.max(-limit, drive)) + load
      const next = Math.min(upper, Math.max(lower, angles[side] + (timestep * torque) / damping))
      speeds[side] = (next - angles[side]) / timestep
      angles[side] = next
    }
  }

  /** After a timestep: sums up what the world did. */
  feel(): void {
    const { palm, fingers, push, center } = this
    palm.feel()
    push.set(palm.push)
    for (const finger of fingers) {
      finger.feel()
      const p = finger.push
      const x = finger.center[0] - center[0]
      const y = finger.center[1] - center[1]
      const z = finger.center[2] - center[2]
      for (let k = 0; k < 6; k++) push[k] += p[k]
      push[3] += y * p[2] - z * p[1]
      push[4] += z * p[0] - x * p[2]
      push[5] += x * p[1] - y * p[0]
    }
  }

  /** Gripper body and fingers as cameras see them. */
  visitPoses(visit: (name: string, pose: Float64Array) => void): void {
    const { arm, fingerPose } = this
    visit(arm.links[arm.joints.length].name, this.palm.read(fingerPose))
    for (const [side, { name }] of arm.gripper.fingers.entries()) {
      visit(name, this.fingers[side].read(fingerPose))
    }
  }

  save(): HandState {
    return {
      angles: [...this.angles],
      speeds: [...this.speeds],
      push: [...this.push],
      followers: [this.palm, ...this.fingers].map((follower) => follower.save()),
    }
  }

  restore({ angles, speeds, push, followers }: HandState): void {
    this.angles.set(angles)
    this.speeds.set(speeds)
    this.push.set(push)
    for (const [i, follower] of [this.palm, ...this.fingers].entries()) follower.restore(followers[i])
  }

  /** World pose of a finger of the gripper body where the arm has it, at the finger's angle. */
  private poseOf(side: number): Float64Array {
    const { fingerPose, palm, turn, vector } = this
    const { origin, rotation, axis } = this.arm.gripper.fingers[side]
    const base = palm.wantedRotation
    rotate(vector, base, origin)
    for (let k = 0; k < 3; k++) fingerPose[k] = palm.wanted[k] + vector[k]
    for (let k = 0; k < 3; k++) vector[k] = axis[k] * this.angles[side]
    fromRotationVector(turn, vector)
    multiply(turn, rotation, turn)
    multiply(turn, base, turn)
    fingerPose.set(turn, 3)
    return fingerPose
  }

  /** Torque of the world about a finger's hinge in the last timestep, N·m. */
  private hingeTorque(side: number): number {
    const { hinge, axis, fingers } = this
    const { push, center, wanted, wantedRotation } = fingers[side]
    for (let k = 0; k < 3; k++) hinge[k] = center[k] - wanted[k]
    rotate(axis, wantedRotation, this.arm.gripper.fingers[side].axis)
    const [x, y, z] = [hinge[0], hinge[1], hinge[2]]
    return (
      axis[0] * (push[3] + y * push[2] - z * push[1]) +
      axis[1] * (push[4] + z * push[0] - x * push[2]) +
      axis[2] * (push[5] + x * push[1] - y * push[0])
    )
  }
}

export interface HandState {
  readonly angles: readonly number[]
  readonly speeds: readonly number[]
  readonly push: readonly number[]
  readonly followers: readonly (readonly number[])[]
}

function addFollower(
  world: RAPIER.World,
  body: Body,
  com: readonly [number, number, number],
  { mass, inertia }: { mass: number; inertia: number },
  friction: number,
  timestep: number,
): Follower {
  const [x, y, z] = com
  const description = RAPIER.RigidBodyDesc.dynamic()
    .setGravityScale(0)
    .setCanSleep(false)
    .setAdditionalMassProperties(
      mass,
      { x, y, z },
      { x: inertia, y: inertia, z: inertia },
      { x: 0, y: 0, z: 0, w: 1 },
    )
  const surface = { friction, density: 0, group: GROUP_ROBOT, meets: GROUP_OBJECT | GROUP_TABLE }
  return new Follower(addBody(world, description, body, surface), com, mass, inertia, timestep)
}
