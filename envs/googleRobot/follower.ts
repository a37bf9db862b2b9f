import type RAPIER from '@dimforge/rapier3d-simd-compat'
import { differenceVector, rotate } from '../math/quat.js'
import type { Numbers, NumbersOut } from '../math/vec3.js'
import { putPose, readPose } from '../physics/poses.js'

/**
 * A body that goes where its master has it, unless contact keeps it from there. In every timestep it is given the
 * velocity that takes it there; what is missing afterwards is the force of the world on it, which the master hears of.
 * So the solver sees contacts only, no joints, and mass shows only in contact: as a stiffness of mass / timestep².
 */
export class Follower {
  /** Force, N, and torque about the centre of mass, N·m, of the world on the body in the last timestep; [6]. */
  readonly push = new Float64Array(6)
  /** World position of the centre of mass where the master wants it, [3]. */
  readonly center = new Float64Array(3)
  /** Pose that the timestep is to end with, [7], world. */
  readonly wanted = new Float64Array(7)
  private readonly handle: number
  private readonly com: Numbers
  private readonly stiffness: number
  private readonly turnStiffness: number
  private readonly timestep: number
  body: RAPIER.RigidBody
  /** Its rotation. */
  readonly wantedRotation = this.wanted.subarray(3)
  /** Where the body is, as last read, [7], and its centre of mass, [3]. */
  private readonly pose = new Float64Array(7)
  private readonly rotation = this.pose.subarray(3)
  private readonly at = new Float64Array(3)
  private readonly turn = new Float64Array(3)
  private readonly vector = { x: 0, y: 0, z: 0 }

  /** @param com centre of mass in the body's frame, m, with the mass, kg, and isotropic inertia, kg·m², it was made with. */
  constructor(body: RAPIER.RigidBody, com: Numbers, mass: number, inertia: number, timestep: number) {
    this.body = body
    this.handle = body.handle
    this.com = com
    this.stiffness = mass / timestep ** 2
    this.turnStiffness = inertia / timestep ** 2
    this.timestep = timestep
  }

  bind(world: RAPIER.World): void {
    this.body = world.getRigidBody(this.handle)
  }

  /** At rest at a world pose, [7]. */
  place(pose: Numbers): void {
    this.want(pose)
    this.push.fill(0)
    putPose(this.body, pose)
    this.locate()
  }

  /** Before a timestep: the world pose, [7], to end it with. */
  follow(pose: Numbers): void {
    const { body, vector, turn, timestep, center, at } = this
    this.want(pose)
    vector.x = (center[0] - at[0]) / timestep
    vector.y = (center[1] - at[1]) / timestep
    vector.z = (center[2] - at[2]) / timestep
    body.setLinvel(vector, true)
    differenceVector(turn, this.wantedRotation, this.rotation)
    vector.x = turn[0] / timestep
    vector.y = turn[1] / timestep
    vector.z = turn[2] / timestep
    body.setAngvel(vector, true)
  }

  /** After a timestep: what kept the body from there. */
  feel(): void {
    const { turn, push, center, at, stiffness, turnStiffness } = this
    this.locate()
    for (let k = 0; k < 3; k++) push[k] = stiffness * (at[k] - center[k])
    differenceVector(turn, this.rotation, this.wantedRotation)
    for (let k = 0; k < 3; k++) push[3 + k] = turnStiffness * turn[k]
  }

  /** Where the body is, [7], world. */
  read<T extends NumbersOut>(out: T): T {
    return readPose(this.body, out)
  }

  save(): number[] {
    return [...this.wanted, ...this.push]
  }

  /** After the body is back where it was. */
  restore(state: Numbers): void {
    this.want(state)
    this.locate()
    for (let i = 0; i < 6; i++) this.push[i] = state[7 + i]
  }

  private want(pose: Numbers): void {
    const { wanted, center, com } = this
    for (let i = 0; i < 7; i++) wanted[i] = pose[i]
    rotate(center, this.wantedRotation, com)
    for (let k = 0; k < 3; k++) center[k] += wanted[k]
  }

  private locate(): void {
    const { pose, rotation, at, com } = this
    readPose(this.body, pose)
    rotate(at, rotation, com)
    for (let k = 0; k < 3; k++) at[k] += pose[k]
  }
}
