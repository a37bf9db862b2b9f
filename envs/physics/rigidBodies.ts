import RAPIER from '@dimforge/rapier3d-simd-compat'
import type { Body, Part, Shape } from '../geometry.js'
import { multiply } from '../math/quat.js'

/**
 * Collision groups: (memberships << 16) | filter. Tool parts (fingers, gripper) do not meet the table in the
 * solver: the driven arm itself stops there.
 */
export const GROUP_TABLE = 0x0001
export const GROUP_OBJECT = 0x0002
export const GROUP_ROBOT = 0x0004

export interface Surface {
  readonly friction: number
  /** kg/m³; 0 for bodies whose mass is given otherwise or does not matter. */
  readonly density: number
  readonly group: number
  readonly meets: number
}

/** Surface of an object, which meets everything, or of something fixed, which like a table meets what can move. */
export function surfaceOf({
  friction,
  density,
  fixed = false,
}: Pick<Surface, 'friction' | 'density'> & { readonly fixed?: boolean }): Surface {
  const meets = GROUP_OBJECT | GROUP_ROBOT
  if (fixed) return { friction, density, group: GROUP_TABLE, meets }
  return { friction, density, group: GROUP_OBJECT, meets: meets | GROUP_TABLE }
}

function describe(shape: Shape): RAPIER.ColliderDesc {
  switch (shape.kind) {
    case 'box':
      return RAPIER.ColliderDesc.cuboid(...shape.halfExtents)
    case 'cylinder':
      return RAPIER.ColliderDesc.cylinder(shape.halfHeight, shape.radius)
    case 'sphere':
      return RAPIER.ColliderDesc.ball(shape.radius)
    case 'hull': {
      const hull = RAPIER.ColliderDesc.convexHull(shape.vertices)
      if (!hull) throw new Error('a hull needs four points that are not in one plane')
      return hull
    }
  }
}

/** Rapier's cylinders stand along y, ours along z. */
const Y_TO_Z = [Math.SQRT1_2, 0, 0, Math.SQRT1_2]

function addPart(world: RAPIER.World, rigidBody: RAPIER.RigidBody, part: Part, surface: Surface): void {
  const collider = describe(part.shape)
  const [x, y, z] = part.pose?.position ?? [0, 0, 0]
  const rotation = part.pose?.rotation ?? [0, 0, 0, 1]
  const standing = part.shape.kind === 'cylinder' ? Y_TO_Z : [0, 0, 0, 1]
  const [qx, qy, qz, qw] = multiply([0, 0, 0, 1], rotation, standing)
  collider
    .setTranslation(x, y, z)
    .setRotation({ x: qx, y: qy, z: qz, w: qw })
    .setFriction(surface.friction)
    .setRestitution(0)
    .setDensity(surface.density)
    .setCollisionGroups((surface.group << 16) | surface.meets)
  world.createCollider(collider, rigidBody)
}

/** Rigid body with one collider for each part that collides. */
export function addBody(
  world: RAPIER.World,
  description: RAPIER.RigidBodyDesc,
  body: Body,
  surface: Surface,
): RAPIER.RigidBody {
  const rigidBody = world.createRigidBody(description)
  for (const part of body.parts) if (part.collides !== false) addPart(world, rigidBody, part, surface)
  return rigidBody
}

/** Free body with SimplerEnv's object damping. */
export function objectDescription(): RAPIER.RigidBodyDesc {
  return RAPIER.RigidBodyDesc.dynamic().setLinearDamping(0.1).setAngularDamping(0.1)
}
