import type RAPIER from '@dimforge/rapier3d-simd-compat'
import type { Body, Vec3 } from '../geometry.js'
import type { Numbers } from '../math/vec3.js'
import type { BoundingBox } from '../physics/bounds.js'
import type { ArmSpec } from './armSpec.js'
import type { ArmKinematics } from './kinematics.js'

/** Where a robot stands in a scene, and how its episodes begin. */
export interface RobotMount {
  /** Base frame in the world, m and rad about z. */
  readonly basePosition: Vec3
  readonly baseYaw: number
  /** Initial joint positions, rad. */
  readonly qpos: readonly number[]
  /** Height in the world below which no tool point may go, m. Furniture that rises above it stops the tool, too. */
  readonly floor: number
}

/** A body that the robot may run into. */
export interface Obstacle {
  readonly body: RAPIER.RigidBody
  /** Around it, in its frame. */
  readonly box: BoundingBox
}

/**
 * An arm with a two-finger gripper in a physics world: how it is driven is its own affair, everyone else
 * sees measured joints, two finger bodies and poses. Of a timestep it takes `beforeStep`; `measure` brings
 * joints and kinematics up to date after some timesteps.
 */
export interface Robot {
  readonly spec: ArmSpec
  readonly mount: RobotMount
  /** Measured joint positions, rad. */
  readonly q: Numbers
  /** At the measured joint positions, base frame. */
  readonly kinematics: ArmKinematics
  /** Left and right. */
  readonly fingers: readonly RAPIER.RigidBody[]
  /** Takes its bodies from a world that replaced the one it was built in. */
  bind(world: RAPIER.World): void
  /** Joint positions back to the mount's; bodies come back with the world's snapshot. */
  reset(): void
  /** Targets of the coming timesteps: joints rad, fingers m. */
  drive(jointTarget: Numbers, finger: number): void
  /**
   * Passes up to `steps` timesteps on its own while nothing moves and nothing is near; the world's other timesteps
   * must follow at once.
   * @returns how many it has passed.
   */
  glide(steps: number, obstacles: readonly Obstacle[]): number
  beforeStep(): void
  measure(): void
  /** Joint position of both fingers, m, averaged. */
  fingerPosition(): number
  /** Bodies that a camera sees, base first, with names that `visitPoses` uses. */
  bodies(): Body[]
  /** Calls back with the world pose, [7], of every body; the array is reused. */
  visitPoses(visit: (name: string, pose: Float64Array) => void): void
  /** What the physics world does not hold. */
  save(): number[]
  restore(state: Numbers): void
}
