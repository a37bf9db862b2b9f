import { UserError } from '@vla-gym/gymnasium'
import { readAsset, readAssetText } from '../assetFile.js'
import type { Body, Part, Pose, Quat, Vec3 } from '../geometry.js'
import { fromRotationVector, multiply, rotate } from '../math/quat.js'
import { combineMasses, type MassProperties, rotateInertia } from './massProperties.js'
import { parseUrdf, type UrdfJoint, type UrdfRobot } from './urdf.js'

/** One driven joint of the arm. */
export interface JointSpec {
  readonly name: string
  /** Link that it moves. */
  readonly child: string
  readonly kind: 'revolute' | 'prismatic'
  /** Pose of the child's frame in the parent's at joint position 0. */
  readonly origin: Vec3
  readonly rotation: Quat
  /** Unit vector in the child's frame. */
  readonly axis: Vec3
  /** rad or m; infinite for continuous joints. */
  readonly lower: number
  readonly upper: number
  /** Position gain, N·m/rad or N/m. */
  readonly stiffness: number
  /** N·m·s/rad or N·s/m. */
  readonly damping: number
  /** N·m or N. */
  readonly forceLimit: number
}

/** A link with everything that is fixed to it. */
export interface LinkSpec {
  readonly name: string
  readonly mass: MassProperties
  readonly parts: readonly Part[]
}

/** A finger on a slide or a hinge of the last link. */
export interface FingerSpec extends LinkSpec {
  /** Frame at joint position 0 in the last link's frame; on a slide, axes parallel. */
  readonly origin: Vec3
  readonly rotation: Quat
  /** Of a slide the opening direction; of a hinge its axis in the finger's frame, about which it closes. */
  readonly axis: Vec3
}

export interface GripperSpec {
  /** Left and right. */
  readonly fingers: readonly [FingerSpec, FingerSpec]
  readonly lower: number
  readonly upper: number
  readonly closedTarget: number
  readonly openTarget: number
  /** N/m, N·s/m and N of each finger. */
  readonly stiffness: number
  readonly damping: number
  readonly forceLimit: number
  readonly friction: number
}

/** A serial arm with a two-finger gripper. */
export interface ArmSpec {
  readonly name: string
  readonly joints: readonly JointSpec[]
  /** Base first, then the joints' child links. */
  readonly links: readonly LinkSpec[]
  /** Tool centre point (TCP) in the last link's frame. */
  readonly tcp: Pose
  readonly gripper: GripperSpec
  /** Points that meet a floor first: in a finger's frame, and in the last link's. */
  readonly floorPoints: { readonly finger: readonly Vec3[]; readonly gripper: readonly Vec3[] }
}

interface JointGains {
  readonly stiffness: number
  readonly damping: number
  readonly forceLimit: number
}

/** What a URDF file cannot hold. */
export interface ArmSettings {
  readonly name: string
  /** Arm joints, base first. */
  readonly joints: Readonly<Record<string, JointGains>>
  /** Turning joints that stay where they are, rad. */
  readonly held?: Readonly<Record<string, number>>
  /** Link whose frame is the tool centre point. */
  readonly tcp: string
  readonly gripper: JointGains & {
    /** Left and right. */
    readonly joints: readonly [string, string]
    /** The fingers turn about hinges; default: they are on slides. */
    readonly hinged?: boolean
    readonly closedTarget: number
    readonly openTarget: number
    readonly friction: number
  }
  readonly floorPoints: ArmSpec['floorPoints']
}

/** Arm of assets/robots/<id>.urdf with the gains of <id>.json beside it. */
export function readArm(id: string): ArmSpec {
  const file = `assets/robots/${id}.urdf`
  return buildArm(parseUrdf(readAssetText(`robots/${id}.urdf`), file), readAsset(`robots/${id}.json`), file)
}

/**
 * Joins links that are fixed to each other, and adds gains.
 * @throws UserError unless the joints with gains are a chain from the root that ends in the gripper's link.
 */
export function buildArm(description: UrdfRobot, settings: ArmSettings, file: string): ArmSpec {
  const fail = (message: string): never => {
    throw new UserError(`${file}: ${message}`)
  }
  const urdf = holdJoints(description, settings.held ?? {}, fail)
  const driven = new Set([...Object.keys(settings.joints), ...settings.gripper.joints])
  const byName = new Map(urdf.joints.map((joint) => [joint.name, joint]))
  for (const name of driven) if (!byName.has(name)) fail(`joint '${name}' of the settings is not in the file`)
  for (const { name, type } of urdf.joints) {
    if (type !== 'fixed' && !driven.has(name)) {
      fail(`joint '${name}' moves, but the settings have no gains for it; add them, or make it fixed`)
    }
    if (type === 'fixed' && driven.has(name)) fail(`joint '${name}' has gains, but is fixed`)
  }

  const joints: JointSpec[] = []
  let group = fixedGroup(urdf, urdf.root)
  const links = [linkSpec(urdf, group, false)]
  for (const [name, gains] of Object.entries(settings.joints)) {
    const joint = byName.get(name)!
    const base = group.get(joint.parent)
    if (!base) fail(`joint '${name}' does not follow the one before it in the settings; list them base first`)
    const { position, rotation } = compose(base!, { position: joint.origin, rotation: joint.rotation })
    const kind = joint.type === 'prismatic' ? 'prismatic' : 'revolute'
    const { child, axis, lower, upper } = joint
    joints.push({ name, child, kind, origin: position, rotation, axis, lower, upper, ...gains })
    group = fixedGroup(urdf, joint.child)
    links.push(linkSpec(urdf, group, true))
  }

  const tcp = group.get(settings.tcp) ?? fail(`link '${settings.tcp}' (tcp) is not fixed to the last link`)
  const { joints: fingers, hinged = false, ...gripper } = settings.gripper
  const [left, right] = fingers.map((name) => byName.get(name)!)
  return {
    name: settings.name,
    joints,
    links,
    tcp,
    gripper: {
      ...gripper,
      fingers: [fingerSpec(urdf, group, left, hinged, fail), fingerSpec(urdf, group, right, hinged, fail)],
      lower: left.lower,
      upper: left.upper,
    },
    floorPoints: settings.floorPoints,
  }
}

/** Links as bodies, base first; the last is the gripper's. */
export function linkBodies(arm: ArmSpec): Body[] {
  return arm.links.map(({ name, parts }) => ({ name, parts }))
}

/** A finger as a body, in its link frame. */
export function fingerBody(arm: ArmSpec, side: 'left' | 'right'): Body {
  const { name, parts } = arm.gripper.fingers[side === 'left' ? 0 : 1]
  return { name, parts }
}

/** `root` and the links fixed to it, with their poses in its frame. */
function fixedGroup(urdf: UrdfRobot, root: string): Map<string, Pose> {
  const poses = new Map<string, Pose>([[root, { position: [0, 0, 0], rotation: [0, 0, 0, 1] }]])
  for (const [name, pose] of poses) {
    for (const { type, parent, child, origin, rotation } of urdf.joints) {
      if (type === 'fixed' && parent === name) poses.set(child, compose(pose, { position: origin, rotation }))
    }
  }
  return poses
}

function linkSpec(urdf: UrdfRobot, group: ReadonlyMap<string, Pose>, moves: boolean): LinkSpec {
  const masses: MassProperties[] = []
  const parts: Part[] = []
  const [name] = group.keys()
  for (const [link, pose] of group) {
    const { inertial, parts: own } = urdf.links.get(link)!
    if (inertial) {
      const com = compose(pose, { position: inertial.com, rotation: [0, 0, 0, 1] }).position
      masses.push({ mass: inertial.mass, com, inertia: rotateInertia(inertial.inertia, pose.rotation) })
    }
    for (const part of own) parts.push({ ...part, pose: compose(pose, part.pose ?? IDENTITY) })
  }
  if (masses.length === 0 && moves) {
    throw new UserError(`${urdf.name}: link '${name}' moves, but has no mass; add <inertial>`)
  }
  const mass = masses.length > 0 ? combineMasses(masses) : MASSLESS
  return { name, mass, parts }
}

function fingerSpec(
  urdf: UrdfRobot,
  palm: ReadonlyMap<string, Pose>,
  joint: UrdfJoint,
  hinged: boolean,
  fail: (message: string) => never,
): FingerSpec {
  const base = palm.get(joint.parent) ?? fail(`joint '${joint.name}' does not sit on the last link`)
  const needed = hinged ? 'revolute' : 'prismatic'
  if (joint.type !== needed) fail(`joint '${joint.name}': a finger needs a ${needed} joint`)
  const { position, rotation } = compose(base, { position: joint.origin, rotation: joint.rotation })
  const turned = Math.abs(rotation[3]) < 1 - 1e-9
  if (turned && !hinged) fail(`joint '${joint.name}': a finger's frame must not be turned`)
  const link = linkSpec(urdf, fixedGroup(urdf, joint.child), true)
  return { ...link, origin: position, rotation, axis: joint.axis }
}

/** The same robot with some turning joints fixed at an angle. */
function holdJoints(
  urdf: UrdfRobot,
  held: Readonly<Record<string, number>>,
  fail: (message: string) => never,
): UrdfRobot {
  for (const name of Object.keys(held)) {
    const joint = urdf.joints.find((other) => other.name === name)
    if (joint?.type !== 'revolute' && joint?.type !== 'continuous') {
      fail(`joint '${name}' is to be held, but does not turn`)
    }
  }
  const joints = urdf.joints.map((joint): UrdfJoint => {
    const angle = held[joint.name]
    if (angle === undefined) return joint
    const turn = fromRotationVector(
      [0, 0, 0, 1] as [number, number, number, number],
      joint.axis.map((x) => angle * x),
    )
    return { ...joint, type: 'fixed', rotation: multiply(turn, joint.rotation, turn) }
  })
  return { ...urdf, joints }
}

/** Pose b, given in frame a, in the frame that a is given in. */
function compose(a: Pose, b: Pose): Pose {
  const [x, y, z] = rotate([0, 0, 0] as [number, number, number], a.rotation, b.position)
  const [px, py, pz] = a.position
  return {
    position: [px + x, py + y, pz + z],
    rotation: multiply([0, 0, 0, 1] as [number, number, number, number], a.rotation, b.rotation),
  }
}

const IDENTITY: Pose = { position: [0, 0, 0], rotation: [0, 0, 0, 1] }
const MASSLESS: MassProperties = { mass: 0, com: [0, 0, 0], inertia: [0, 0, 0, 0, 0, 0] }
