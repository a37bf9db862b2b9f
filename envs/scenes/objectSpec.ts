import type { Body, Vec3 } from '../geometry.js'

/**
 * An object of SimplerEnv's Bridge tasks as our own primitives: extents, densities and volumes follow
 * ManiSkill2_real2sim data/custom/info_bridge_custom_v0.json and the bounds of its collision meshes.
 */
export interface ObjectSpec {
  readonly name: string
  readonly body: Body
  /** kg/m³. */
  readonly density: number
  readonly friction: number
  /** Full extents that the success test uses, m; not always those of the shape. */
  readonly box: Vec3
  /** Lowest point of the shape below the body's origin, m. */
  readonly bottom: number
  /** Radius about the origin that no other object enters at placement, m. */
  readonly footprint: number
  /** Angle about the vertical after which a grasp looks the same, rad. */
  readonly graspPeriod: number
  /** Height of the best grasp point above the centre of mass, m. */
  readonly graspHeight: number
  /** Stays where it is placed, as furniture does; default false. */
  readonly fixed?: boolean
}

/** Of all custom objects (ManiSkill2_real2sim custom_scenes/base_env.py `obj_static_friction`). */
export const OBJECT_FRICTION = 0.5
