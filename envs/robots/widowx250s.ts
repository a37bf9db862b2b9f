import { readAsset } from '../assetFile.js'
import type { Body, Part, Vec3 } from '../geometry.js'

/** One driven joint of the arm; its child link's frame sits at `origin` of the parent, axes parallel at zero. */
export interface JointSpec {
  readonly name: string
  readonly child: string
  readonly origin: Vec3
  readonly axis: 'x' | 'y' | 'z'
  readonly lower: number
  readonly upper: number
  /** Position gain, N·m/rad. */
  readonly stiffness: number
  /** N·m·s/rad. */
  readonly damping: number
}

interface BoxSpec {
  readonly center: Vec3
  readonly halfExtents: Vec3
}

interface LinkSpec {
  readonly name: string
  readonly boxes?: readonly BoxSpec[]
  /** Seen, not touched. */
  readonly visualBoxes?: readonly BoxSpec[]
  readonly cylinders?: readonly { center: Vec3; radius: number; halfHeight: number }[]
}

export interface GripperSpec {
  readonly lower: number
  readonly upper: number
  readonly closedTarget: number
  readonly openTarget: number
  readonly stiffness: number
  readonly damping: number
  readonly forceLimit: number
  readonly friction: number
  readonly mass: number
  readonly com: Vec3
  /** Left finger in its link frame; the right one is its mirror image in y. */
  readonly leftBoxes: readonly BoxSpec[]
}

export interface ArmSpec {
  readonly name: string
  readonly joints: readonly JointSpec[]
  readonly links: readonly LinkSpec[]
  /** Along x of the last link: the fingers' slide, and the tool centre point (TCP). */
  readonly fingersOffset: number
  readonly tcpOffset: number
  readonly gripper: GripperSpec
}

/** WidowX 250s; numbers and their source in assets/robots/widowx250s.json. */
export const widowx250s: ArmSpec = readAsset('robots/widowx250s.json')

const LINK_COLOR = 0x3c3c42
const SERVO_COLOR = 0x3a3a40
const FINGER_COLOR = 0x2a2a30

function boxPart({ center, halfExtents }: BoxSpec, color: number): Part {
  return { shape: { kind: 'box', halfExtents }, pose: { position: center, rotation: [0, 0, 0, 1] }, color }
}

/** Links as bodies, base first; the last is the gripper body with propeller and bar. */
export function linkBodies(arm: ArmSpec): Body[] {
  return arm.links.map(({ name, boxes = [], visualBoxes = [], cylinders = [] }) => ({
    name,
    parts: [
      ...boxes.map((box, i) => boxPart(box, i % 2 === 0 ? LINK_COLOR : SERVO_COLOR)),
      ...visualBoxes.map((box): Part => ({ ...boxPart(box, SERVO_COLOR), collides: false })),
      ...cylinders.map(
        ({ center, radius, halfHeight }): Part => ({
          shape: { kind: 'cylinder', radius, halfHeight },
          pose: { position: center, rotation: [0, 0, 0, 1] },
          color: LINK_COLOR,
        }),
      ),
    ],
  }))
}

/** A finger as a body, in its link frame: x towards the tip, y the opening direction of the left finger. */
export function fingerBody(arm: ArmSpec, side: 'left' | 'right'): Body {
  const mirror = side === 'left' ? 1 : -1
  return {
    name: `${side}_finger_link`,
    parts: arm.gripper.leftBoxes.map(({ center: [x, y, z], halfExtents }) =>
      boxPart({ center: [x, mirror * y, z], halfExtents }, FINGER_COLOR),
    ),
  }
}
