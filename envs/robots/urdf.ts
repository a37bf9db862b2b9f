import { UserError } from '@vla-gym/gymnasium'
import { XMLParser, XMLValidator } from 'fast-xml-parser'
import type { Part, Quat, Shape, Vec3 } from '../geometry.js'
import { multiply } from '../math/quat.js'
import { inertiaFault, type MassProperties, rotateInertia } from './massProperties.js'
import { findRoot } from './urdfTree.js'

export interface UrdfLink {
  readonly name: string
  readonly inertial?: MassProperties
  /** Geometry that is both seen and touched where <visual> and <collision> agree. */
  readonly parts: readonly Part[]
}

export type UrdfJointType = 'revolute' | 'continuous' | 'prismatic' | 'fixed'

export interface UrdfJoint {
  readonly name: string
  readonly type: UrdfJointType
  readonly parent: string
  readonly child: string
  /** Pose of the child's frame in the parent's at joint position 0. */
  readonly origin: Vec3
  readonly rotation: Quat
  /** Unit vector in the child's frame. */
  readonly axis: Vec3
  /** rad or m; infinite for continuous joints. */
  readonly lower: number
  readonly upper: number
  /** N·m or N; rad/s or m/s. */
  readonly effort: number
  readonly velocity: number
}

export interface UrdfRobot {
  readonly name: string
  /** Name of the one link without a parent. */
  readonly root: string
  readonly links: ReadonlyMap<string, UrdfLink>
  /** In the order of the file. */
  readonly joints: readonly UrdfJoint[]
}

type Attributes = Readonly<Record<string, string | undefined>>
interface Element {
  readonly [name: string]: Element | Element[] | string | undefined
}

const LISTS = new Set(['link', 'joint', 'visual', 'collision', 'material'])
const JOINT_TYPES: readonly string[] = ['revolute', 'continuous', 'prismatic', 'fixed']
const GREY = 0x808080

/**
 * Robot description of a URDF file (wiki.ros.org/urdf/XML): links with mass and primitive geometry, and joints
 * of types revolute, continuous, prismatic and fixed. Whatever else it holds (gazebo, transmission) is left out.
 * @param file name for messages.
 * @throws UserError that names file, element and fault.
 */
export function parseUrdf(text: string, file: string): UrdfRobot {
  const valid = XMLValidator.validate(text)
  if (valid !== true) {
    const at = valid.err.line ? ` (line ${valid.err.line})` : ''
    throw new UserError(`${file}: not XML: ${valid.err.msg.replace(/\.$/, '')}${at}`)
  }
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    processEntities: false,
    isArray: (name) => LISTS.has(name),
  })
  const root = (parser.parse(text) as Element).robot
  if (typeof root !== 'object') throw new UserError(`${file}: not URDF: the root element is not <robot>`)
  return new UrdfReader(file, root as Element).read()
}

class UrdfReader {
  private readonly file: string
  private readonly robot: Element
  private readonly colors = new Map<string, number>()

  constructor(file: string, robot: Element) {
    this.file = file
    this.robot = robot
  }

  read(): UrdfRobot {
    for (const material of list(this.robot, 'material')) this.color(material, 'robot')
    const links = new Map<string, UrdfLink>()
    for (const element of list(this.robot, 'link')) {
      const link = this.link(element)
      if (links.has(link.name)) this.fail(`link '${link.name}' is declared twice; rename one`)
      links.set(link.name, link)
    }
    const joints = list(this.robot, 'joint').map((element) => this.joint(element))
    const names = new Set<string>()
    for (const { name } of joints) {
      if (names.has(name)) this.fail(`joint '${name}' is declared twice; rename one`)
      names.add(name)
    }
    const root = findRoot(this.file, new Set(links.keys()), joints)
    return { name: attributes(this.robot).name ?? this.file, root, links, joints }
  }

  private link(element: Element): UrdfLink {
    const name = this.name(element, 'link')
    const where = `link '${name}'`
    const inertial = child(element, 'inertial')
    const parts = list(element, 'visual').map((visual) => ({
      ...this.geometry(visual, where),
      color: this.visualColor(visual, where),
      collides: false,
    }))
    for (const collision of list(element, 'collision')) {
      const { shape, pose } = this.geometry(collision, where)
      const seen = parts.find((part) => !part.collides && same(part.shape, shape) && same(part.pose, pose))
      if (seen) seen.collides = true
      else parts.push({ shape, pose, color: GREY, collides: true, visible: false })
    }
    return inertial ? { name, inertial: this.inertial(inertial, where), parts } : { name, parts }
  }

  private inertial(element: Element, where: string): MassProperties {
    const { xyz, rotation } = this.origin(element, where)
    const mass = this.number(child(element, 'mass'), 'value', `${where}: <mass>`)
    if (!(mass > 0)) {
      this.fail(
        `${where}: mass is ${mass}; it must be positive (leave <inertial> out of a link without mass)`,
      )
    }
    const matrix = child(element, 'inertia')
    const read = (key: string) => this.number(matrix, key, `${where}: <inertia>`)
    const given = [read('ixx'), read('iyy'), read('izz'), read('ixy'), read('ixz'), read('iyz')]
    const fault = inertiaFault(given)
    if (fault) this.fail(`${where}: the inertia matrix ${fault}; check its numbers and units (kg·m²)`)
    return { mass, com: xyz, inertia: rotateInertia(given, rotation) }
  }

  private geometry(
    element: Element,
    where: string,
  ): Pick<Part, 'shape' | 'pose'> & { pose: NonNullable<Part['pose']>; visible?: boolean } {
    const { xyz, rotation } = this.origin(element, where)
    return { shape: this.shape(child(element, 'geometry'), where), pose: { position: xyz, rotation } }
  }

  private shape(geometry: Element | undefined, where: string): Shape {
    const box = child(geometry, 'box')
    const cylinder = child(geometry, 'cylinder')
    const sphere = child(geometry, 'sphere')
    if (box) {
      const [x, y, z] = this.vector(attributes(box).size, `${where}: <box> size`)
      this.checkSize(where, x, y, z)
      return { kind: 'box', halfExtents: [x / 2, y / 2, z / 2] }
    }
    if (cylinder) {
      const radius = this.number(cylinder, 'radius', `${where}: <cylinder>`)
      const length = this.number(cylinder, 'length', `${where}: <cylinder>`)
      this.checkSize(where, radius, length)
      return { kind: 'cylinder', radius, halfHeight: length / 2 }
    }
    if (sphere) {
      const radius = this.number(sphere, 'radius', `${where}: <sphere>`)
      this.checkSize(where, radius)
      return { kind: 'sphere', radius }
    }
    const kind = Object.keys(geometry ?? {}).find((key) => !key.startsWith('@')) ?? 'nothing'
    return this.fail(
      `${where}: geometry '${kind}' is not supported; use <box>, <cylinder> or <sphere> primitives`,
    )
  }

  private checkSize(where: string, ...sizes: number[]): void {
    if (!sizes.every((size) => size > 0)) this.fail(`${where}: geometry sizes must be positive, got ${sizes}`)
  }

  private joint(element: Element): UrdfJoint {
    const name = this.name(element, 'joint')
    const where = `joint '${name}'`
    const type = attributes(element).type ?? ''
    if (!JOINT_TYPES.includes(type)) {
      this.fail(`${where}: type '${type}' is not supported; use ${JOINT_TYPES.join(', ')}`)
    }
    const end = (key: 'parent' | 'child') =>
      attributes(child(element, key)).link ?? this.fail(`${where}: <${key} link="..."/> is missing`)
    const { xyz, rotation } = this.origin(element, where)
    return {
      name,
      type: type as UrdfJointType,
      parent: end('parent'),
      child: end('child'),
      origin: xyz,
      rotation,
      axis: this.axis(element, where),
      ...this.limits(element, type, where),
    }
  }

  private axis(element: Element, where: string): Vec3 {
    const given = child(element, 'axis')
    const [x, y, z] = given ? this.vector(attributes(given).xyz, `${where}: <axis> xyz`) : [1, 0, 0]
    const length = Math.hypot(x, y, z)
    if (length < 1e-9) this.fail(`${where}: the axis is zero; give a direction`)
    return [x / length, y / length, z / length]
  }

  private limits(element: Element, type: string, where: string) {
    const infinity = Number.POSITIVE_INFINITY
    const limit = child(element, 'limit')
    const read = (key: string, otherwise: number) =>
      attributes(limit)[key] === undefined ? otherwise : this.number(limit, key, `${where}: <limit>`)
    const free = type === 'continuous' || type === 'fixed'
    if (!free && !limit) this.fail(`${where}: <limit> is missing; a ${type} joint needs lower and upper`)
    const lower = free ? -infinity : read('lower', 0)
    const upper = free ? infinity : read('upper', 0)
    if (!(lower < upper)) this.fail(`${where}: limits ${lower} ... ${upper} leave no range; lower < upper`)
    const effort = read('effort', infinity)
    const velocity = read('velocity', infinity)
    if (effort < 0 || velocity < 0) this.fail(`${where}: effort and velocity limits must not be negative`)
    return { lower, upper, effort, velocity }
  }

  private origin(element: Element, where: string): { xyz: Vec3; rotation: Quat } {
    const { xyz, rpy } = attributes(child(element, 'origin'))
    return {
      xyz: xyz === undefined ? [0, 0, 0] : this.vector(xyz, `${where}: <origin> xyz`),
      rotation: fromRpy(rpy === undefined ? [0, 0, 0] : this.vector(rpy, `${where}: <origin> rpy`)),
    }
  }

  private visualColor(visual: Element, where: string): number {
    const [material] = list(visual, 'material')
    return material ? this.color(material, where) : GREY
  }

  /** Colour of a <material>, which may name one that was declared before. */
  private color(material: Element, where: string): number {
    const { name } = attributes(material)
    const rgba = attributes(child(material, 'color')).rgba
    if (rgba === undefined) return this.colors.get(name ?? '') ?? GREY
    const channels = rgba.trim().split(/\s+/).map(Number)
    if (channels.length !== 4 || !channels.every((x) => x >= 0 && x <= 1)) {
      this.fail(`${where}: material colour '${rgba}' must be four numbers from 0 to 1`)
    }
    const [r, g, b] = channels.map((x) => Math.round(255 * x))
    const color = (r << 16) | (g << 8) | b
    if (name) this.colors.set(name, color)
    return color
  }

  private name(element: Element, kind: string): string {
    return attributes(element).name || this.fail(`a <${kind}> has no name; give each one a name of its own`)
  }

  private number(element: Element | undefined, key: string, where: string): number {
    const text = attributes(element)[key]
    if (text === undefined) return this.fail(`${where} ${key} is missing`)
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (!Number.isFinite(value)) this.fail(`${where} ${key}='${text}' is not a finite number`)
    return value
  }

  private vector(text: string | undefined, where: string): Vec3 {
    const numbers = (text ?? '').trim().split(/\s+/).map(Number)
    if (!text?.trim() || numbers.length !== 3 || !numbers.every(Number.isFinite)) {
      this.fail(`${where}='${text ?? ''}' must be three finite numbers`)
    }
    return [numbers[0], numbers[1], numbers[2]]
  }

  private fail(message: string): never {
    throw new UserError(`${this.file}: ${message}`)
  }
}

function attributes(element: Element | undefined): Attributes {
  const entries = Object.entries(element ?? {}).filter(([key]) => key.startsWith('@'))
  return Object.fromEntries(entries.map(([key, value]) => [key.slice(1), value as string]))
}

function child(element: Element | undefined, name: string): Element | undefined {
  const found = element?.[name]
  // An element without attributes and children is parsed as an empty string.
  if (typeof found === 'string') return {}
  return Array.isArray(found) ? found[0] : found
}

function list(element: Element, name: string): Element[] {
  const found = element[name]
  return Array.isArray(found) ? found.map((item) => (typeof item === 'string' ? {} : item)) : []
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** URDF's fixed-axis roll, pitch, yaw: R = Rz(yaw)·Ry(pitch)·Rx(roll). */
function fromRpy([roll, pitch, yaw]: Vec3): Quat {
  const out: [number, number, number, number] = [Math.sin(roll / 2), 0, 0, Math.cos(roll / 2)]
  multiply(out, [0, Math.sin(pitch / 2), 0, Math.cos(pitch / 2)], out)
  return multiply(out, [0, 0, Math.sin(yaw / 2), Math.cos(yaw / 2)], out)
}
