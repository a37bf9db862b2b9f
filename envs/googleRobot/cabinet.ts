import RAPIER from '@dimforge/rapier3d-simd-compat'
import type { Body, Part, Vec3 } from '../geometry.js'
import { addBody, surfaceOf } from '../physics/rigidBodies.js'

export const drawerNames = ['top', 'middle', 'bottom'] as const
export type DrawerName = (typeof drawerNames)[number]

/** Where the cabinet stands in the world, m (ManiSkill2_real2sim open_drawer_in_scene.py `_load_articulations`). */
export const CABINET: Vec3 = [-0.295, 0, 0.017]
/** Heights of the drawers' frames in the cabinet's, m (data/custom/mk_station.urdf, which the sizes below are from). */
const DRAWER_HEIGHTS = [0.668, 0.423, 0.178] as const
/** How far a drawer opens, m. */
export const DRAWER_TRAVEL = 0.5
/** Of the top of the cabinet in the world, m. */
export const CABINET_TOP = CABINET[2] + 0.865
/** Middle of a handle's bar in the drawer's frame, m. */
export const HANDLE: Vec3 = [0.3425, 0, 0.02]

const WOOD = 0xb9b1a4
const STONE = 0xd9d6d0
const INSIDE = 0xe9e4da
const BLACK = 0x24262a

function box(center: Vec3, size: Vec3, color: number, texture?: Part['texture']): Part {
  return {
    shape: { kind: 'box', halfExtents: [size[0] / 2, size[1] / 2, size[2] / 2] },
    pose: { position: center, rotation: [0, 0, 0, 1] },
    color,
    texture,
  }
}

export const cabinetBody: Body = {
  name: 'cabinet',
  parts: [
    box([-0.305, 0, 0.4225], [0.02, 0.615, 0.845], WOOD),
    box([0, -0.2975, 0.4225], [0.59, 0.02, 0.845], WOOD),
    box([0, 0.2975, 0.4225], [0.59, 0.02, 0.845], WOOD),
    box([0, 0, 0.855], [0.63, 0.615, 0.02], STONE, 'marble'),
    // Between the drawers, only seen: without them one looks past a front into the cabinet.
    ...[0.7915, 0.5455, 0.3005, 0.054].map((z) => ({
      ...box([0.285, 0, z], [0.02, 0.575, 0.105], WOOD),
      collides: false,
    })),
  ],
}

/**
 * A drawer: front, back, bottom, sides, and a handle that can be touched. In the original the handle is only seen, and
 * grippers hold on to the front.
 */
export function drawerBody(name: DrawerName): Body {
  return {
    name: `${name}_drawer`,
    parts: [
      box([0.305, 0, 0], [0.015, 0.615, 0.14], WOOD),
      box([-0.285, 0, -0.02], [0.02, 0.515, 0.1], INSIDE),
      box([0, 0, -0.06], [0.55, 0.515, 0.02], INSIDE),
      box([0.285, 0, -0.02], [0.02, 0.515, 0.1], INSIDE),
      box([0, -0.2675, -0.02], [0.59, 0.02, 0.1], INSIDE),
      box([0, 0.2675, -0.02], [0.59, 0.02, 0.1], INSIDE),
      box(HANDLE, [0.005, 0.1, 0.005], BLACK),
      box([0.3325, -0.05, 0.02], [0.02, 0.005, 0.005], BLACK),
      box([0.3325, 0.05, 0.02], [0.02, 0.005, 0.005], BLACK),
    ],
  }
}

/** Of the drawer's `parts`. */
export const BOTTOM_PART = 2

/** kg/m³, of all parts: 11 kg a drawer, as where SAPIEN finds no mass in a file. */
const DENSITY = 1000
/**
 * Rolling friction of a drawer, N. SimplerEnv has a joint friction of 0.05; of the weight of 11 kg that is 5.6 N.
 * A motor at rest that is not strong enough for more is such a friction.
 */
const FRICTION = 5.6
const STICTION = 400

/** The drawers' bodies and slides in a physics world; only their way in and out is free. */
export class Drawers {
  bodies: RAPIER.RigidBody[] = []
  private readonly handles: number[] = []

  constructor(world: RAPIER.World, cabinet: RAPIER.RigidBody) {
    for (const [i, name] of drawerNames.entries()) {
      const [x, y, z] = drawerOrigin(i)
      const description = RAPIER.RigidBodyDesc.dynamic()
        .setTranslation(x, y, z)
        .enabledTranslations(true, false, false)
        .lockRotations()
      // To arm and objects a drawer is furniture, although it moves.
      const surface = surfaceOf({ friction: 1, density: DENSITY, fixed: true })
      const body = addBody(world, description, drawerBody(name), surface)
      const slide = RAPIER.JointData.prismatic(
        { x: 0, y: 0, z: DRAWER_HEIGHTS[i] },
        { x: 0, y: 0, z: 0 },
        { x: 1, y: 0, z: 0 },
      )
      slide.limitsEnabled = true
      slide.limits = [0, DRAWER_TRAVEL]
      const joint = world.createImpulseJoint(slide, cabinet, body, true) as RAPIER.PrismaticImpulseJoint
      joint.setContactsEnabled(false)
      joint.configureMotorModel(RAPIER.MotorModel.ForceBased)
      joint.configureMotorVelocity(0, STICTION)
      joint.setMotorMaxForce(FRICTION)
      this.handles.push(body.handle)
    }
    this.bind(world)
  }

  bind(world: RAPIER.World): void {
    this.bodies = this.handles.map((handle) => world.getRigidBody(handle))
  }

  /** Opens a drawer by so much, m. */
  place(drawer: number, opening: number): void {
    const [x, y, z] = drawerOrigin(drawer)
    this.bodies[drawer].setTranslation({ x: x + opening, y, z }, true)
  }

  /** How far a drawer is open, m. */
  opening(drawer: number): number {
    return this.bodies[drawer].translation().x - CABINET[0]
  }
}

/** World position of a closed drawer's frame. */
export function drawerOrigin(drawer: number): Vec3 {
  return [CABINET[0], CABINET[1], CABINET[2] + DRAWER_HEIGHTS[drawer]]
}
