import type { Body, Part, Pose, Vec3 } from '../../../envs/geometry.js'
import { fromYaw } from '../../../envs/math/quat.js'
import type { Numbers } from '../../../envs/math/vec3.js'
import type { ArmSpec, FingerSpec, JointSpec, LinkSpec } from '../../../envs/robots/armSpec.js'
import { linkBodies } from '../../../envs/robots/armSpec.js'
import type { RobotMount } from '../../../envs/robots/robot.js'

/** What a scene of ours has and MuJoCo is to simulate; world frame, metres. */
export interface MjcfScene {
  /** s; default 0.002. */
  readonly timestep?: number
  /**
   * Added inertia of the arm's joints, kg·m², and mass of the fingers', kg; default 0.2. MuJoCo finds contact forces as
   * if the joints' damping were not there: fingers of 16 g at 200 N·s/m settle in 0.08 ms, far less than a timestep, and
   * what they hold slips out. 0.2 kg·m² against 150 N·m·s/rad is a lag of 1.3 ms.
   */
  readonly armature?: number
  readonly robot?: { readonly arm: ArmSpec; readonly mount: RobotMount }
  readonly furniture?: readonly {
    readonly body: Body
    readonly position: Vec3
    readonly rotation?: Numbers
  }[]
  readonly objects?: readonly MjcfObject[]
}

export interface MjcfObject {
  readonly name: string
  readonly body: Body
  /** kg/m³. */
  readonly density: number
  readonly friction: number
  readonly fixed?: boolean
}

const FURNITURE_FRICTION = 1
const LINK_FRICTION = 1
/** Contact spring: time constant (at least two timesteps) and damping ratio. */
const SOLREF = '0.004 1'
/** MuJoCo's default limits give way to motors of 1000 N·m/rad, by 4 cm at the tool. */
const STIFF_LIMITS = 'solreflimit="0.004 1" solimplimit="0.99 0.9999 0.001"'

interface Touchable {
  readonly geom: string
  readonly friction: number
}

/**
 * MJCF text of a scene: the arm on hinges and slides with position actuators of its gains, gravity
 * compensated; objects on free joints. Contacts are explicit pairs, because our friction of a pair is the mean of
 * both while MuJoCo's is the larger. Reference: mujoco.readthedocs.io, XML reference.
 */
export function mjcf(scene: MjcfScene): string {
  const writer = new MjcfWriter()
  return writer.write(scene)
}

class MjcfWriter {
  private readonly meshes: string[] = []
  private readonly robotGeoms: Touchable[] = []
  private readonly furnitureGeoms: Touchable[] = []

  write({ timestep = 0.002, armature = 0.2, robot, furniture = [], objects = [] }: MjcfScene): string {
    const bodies: string[] = []
    for (const { body, position, rotation = UPRIGHT } of furniture) {
      const geoms = this.geoms(body, 'mass="0"', FURNITURE_FRICTION, this.furnitureGeoms)
      bodies.push(element('body', `name="${body.name}" ${place({ position, rotation })}`, geoms))
    }
    if (robot) bodies.push(this.robot(robot.arm, robot.mount))
    const objectGeoms: Touchable[][] = []
    for (const { name, body, density, friction, fixed } of objects) {
      const own: Touchable[] = []
      const geoms = this.geoms(body, `density="${density}"`, friction, own)
      bodies.push(element('body', `name="${name}"`, fixed ? geoms : ['<freejoint/>', ...geoms]))
      objectGeoms.push(own)
    }
    const pairs = [...product(this.robotGeoms, this.furnitureGeoms)]
    for (const [i, own] of objectGeoms.entries()) {
      pairs.push(...product(own, [...this.robotGeoms, ...this.furnitureGeoms]))
      for (let j = 0; j < i; j++) pairs.push(...product(own, objectGeoms[j]))
    }
    const actuators = robot ? actuatorLines(robot.arm) : []
    return element('mujoco', 'model="vla-gym"', [
      '<compiler angle="radian" autolimits="true" inertiafromgeom="auto"/>',
      `<option timestep="${timestep}" integrator="implicitfast" cone="elliptic" impratio="10"/>`,
      `<default><geom contype="0" conaffinity="0"/><joint armature="${armature}" ${STIFF_LIMITS}/></default>`,
      element('asset', '', this.meshes),
      element('worldbody', '', bodies),
      element('contact', '', pairs.map(pairLine)),
      element('actuator', '', actuators),
    ])
  }

  private robot(arm: ArmSpec, mount: RobotMount): string {
    const parts = linkBodies(arm)
    let children = arm.gripper.fingers.map((finger) => this.finger(arm, finger))
    for (const [i, joint] of [...arm.joints.entries()].reverse()) {
      const geoms = this.geoms(parts[i + 1], 'mass="0"', LINK_FRICTION, this.robotGeoms)
      const pose = { position: joint.origin, rotation: joint.rotation }
      const content = [inertial(arm.links[i + 1]), jointLine(joint), ...geoms, ...children]
      children = [element('body', `name="${joint.child}" gravcomp="1" ${place(pose)}`, content)]
    }
    const base = this.geoms(parts[0], 'mass="0"', LINK_FRICTION, [])
    const pose = { position: mount.basePosition, rotation: fromYaw(mount.baseYaw) }
    return element('body', `name="${arm.links[0].name}" ${place(pose)}`, [...base, ...children])
  }

  private finger({ gripper }: ArmSpec, finger: FingerSpec): string {
    const { name, origin, axis } = finger
    const range = `range="${gripper.lower} ${gripper.upper}"`
    return element('body', `name="${name}" gravcomp="1" pos="${text(origin)}"`, [
      inertial(finger),
      `<joint name="${name}" type="slide" axis="${text(axis)}" ${range}/>`,
      ...this.geoms({ name, parts: finger.parts }, 'mass="0"', gripper.friction, this.robotGeoms),
    ])
  }

  /** Geoms of the parts that collide; each is listed in `touchable`. */
  private geoms(body: Body, mass: string, friction: number, touchable: Touchable[]): string[] {
    const lines: string[] = []
    for (const part of body.parts) {
      if (part.collides === false) continue
      const geom = `${body.name}-${lines.length}`
      touchable.push({ geom, friction })
      lines.push(`<geom name="${geom}" ${mass} ${this.shape(part, geom)} ${place(part.pose ?? ORIGIN)}/>`)
    }
    return lines
  }

  private shape({ shape }: Part, name: string): string {
    switch (shape.kind) {
      case 'box':
        return `type="box" size="${text(shape.halfExtents)}"`
      case 'cylinder':
        return `type="cylinder" size="${shape.radius} ${shape.halfHeight}"`
      case 'sphere':
        return `type="sphere" size="${shape.radius}"`
      case 'hull':
        this.meshes.push(`<mesh name="${name}" inertia="convex" vertex="${text(shape.vertices)}"/>`)
        return `type="mesh" mesh="${name}"`
    }
  }
}

function jointLine({ name, kind, axis, lower, upper }: JointSpec): string {
  const range = lower > Number.NEGATIVE_INFINITY ? ` range="${lower} ${upper}"` : ''
  return `<joint name="${name}" type="${kind === 'prismatic' ? 'slide' : 'hinge'}" axis="${text(axis)}"${range}/>`
}

/**
 * Arm joints in order, then the fingers. MuJoCo caps a force before it integrates implicitly, PhysX and Rapier cap what
 * the implicit step needs; with a damping of 300 N·m·s/rad on 0.003 kg·m² the first makes joints ring at 2 ms where the
 * second hardly reaches its cap. So there are none here; the fingers' 60 N is out of reach of their stiffness.
 */
function actuatorLines({ joints, gripper }: ArmSpec): string[] {
  const line = (joint: string, { stiffness, damping }: Gains) =>
    `<position name="${joint}" joint="${joint}" kp="${stiffness}" kv="${damping}"/>`
  return [
    ...joints.map((joint) => line(joint.name, joint)),
    ...gripper.fingers.map(({ name }) => line(name, gripper)),
  ]
}

interface Gains {
  readonly stiffness: number
  readonly damping: number
}

function inertial({ mass }: LinkSpec): string {
  return `<inertial pos="${text(mass.com)}" mass="${mass.mass}" fullinertia="${text(mass.inertia)}"/>`
}

function* product(a: readonly Touchable[], b: readonly Touchable[]): Generator<[Touchable, Touchable]> {
  for (const first of a) for (const second of b) yield [first, second]
}

function pairLine([a, b]: [Touchable, Touchable]): string {
  const friction = (a.friction + b.friction) / 2
  return `<pair geom1="${a.geom}" geom2="${b.geom}" condim="3" friction="${friction} ${friction}" solref="${SOLREF}"/>`
}

/** MJCF's quaternions are wxyz. */
function place({ position, rotation: q }: { position: Vec3; rotation: Numbers }): string {
  return `pos="${text(position)}" quat="${text([q[3], q[0], q[1], q[2]])}"`
}

function element(name: string, attributes: string, children: readonly string[]): string {
  return [`<${name} ${attributes}>`, ...children, `</${name}>`].join('\n')
}

function text(numbers: Numbers): string {
  return Array.from(numbers).join(' ')
}

const UPRIGHT = [0, 0, 0, 1]
const ORIGIN: Pose = { position: [0, 0, 0], rotation: [0, 0, 0, 1] }
