import { unknownId } from '@vla-gym/gymnasium'
import {
  AmbientLight,
  BoxGeometry,
  type BufferGeometry,
  CylinderGeometry,
  DirectionalLight,
  Group,
  Mesh,
  MeshLambertMaterial,
  Scene,
  SphereGeometry,
  Vector3,
} from 'three'
import { ConvexGeometry } from 'three/examples/jsm/geometries/ConvexGeometry.js'
import type { Body, Part, Quat, Shape, Vec3 } from '../geometry.js'
import { type Lighting, tabletopLighting } from './lighting.js'
import { compileSolid, type Solid, type Surface } from './solid.js'

/** Linear red, green and blue where no body is. */
export const emptySpace: Vec3 = [0.26, 0.27, 0.28]

/** Geometry of a shape in its own frame, metres. */
export function shapeGeometry(shape: Shape): BufferGeometry {
  switch (shape.kind) {
    case 'box': {
      const [x, y, z] = shape.halfExtents
      return new BoxGeometry(2 * x, 2 * y, 2 * z)
    }
    case 'cylinder':
      return new CylinderGeometry(shape.radius, shape.radius, 2 * shape.halfHeight, 20).rotateX(Math.PI / 2)
    case 'sphere':
      return new SphereGeometry(shape.radius, 16, 10).rotateX(Math.PI / 2)
    case 'hull': {
      const points: Vector3[] = []
      for (let i = 0; i + 2 < shape.vertices.length; i += 3)
        points.push(new Vector3().fromArray(shape.vertices, i))
      return new ConvexGeometry(points)
    }
  }
}

function partMesh(part: Part): Mesh<BufferGeometry, MeshLambertMaterial> {
  const mesh = new Mesh(
    shapeGeometry(part.shape),
    new MeshLambertMaterial({ color: part.color, flatShading: true }),
  )
  mesh.position.set(...(part.pose?.position ?? [0, 0, 0]))
  mesh.quaternion.set(...(part.pose?.rotation ?? [0, 0, 0, 1]))
  mesh.userData.texture = part.texture ?? 'plain'
  mesh.castShadow = mesh.receiveShadow = true
  return mesh
}

function setLight(light: DirectionalLight, direction: Vec3, intensity: number, tint: Vec3): void {
  light.position.set(-direction[0], -direction[1], -direction[2])
  light.intensity = intensity
  light.color.setRGB(...tint)
}

/** One body of the scene: its three.js group, and its faces for the software renderer. */
export interface Node {
  readonly name: string
  readonly group: Group
  readonly solid: Solid
  /** Never or seldom moves: drawn once and kept as the background. */
  readonly fixed: boolean
}

/**
 * Bodies as a three.js scene (one group a body, one mesh a visible part, z up). Bodies named in `fixed` (default:
 * 'table') may be posed, but are cached, so moving them costs a redraw; their horizontal faces receive the shadows
 * of everything else.
 */
export class SceneGraph {
  readonly scene = new Scene()
  readonly nodes: readonly Node[]
  /** Counts changes of bodies, and those of fixed ones. */
  version = 0
  fixedVersion = 0
  readonly #byName: ReadonlyMap<string, Node>
  #background: Vec3 = emptySpace
  readonly #ambient = new AmbientLight()
  readonly #sun = new DirectionalLight()
  readonly #sides = [new DirectionalLight(), new DirectionalLight()] as const

  constructor(bodies: readonly Body[], fixed: readonly string[] = ['table']) {
    this.#sun.castShadow = true
    this.scene.add(this.#ambient, this.#sun, ...this.#sides)
    this.setLighting(tabletopLighting)
    this.nodes = bodies.map((body, index) => {
      const group = new Group()
      group.name = body.name
      const meshes = body.parts.filter((part) => part.visible !== false).map(partMesh)
      if (meshes.length > 0) group.add(...meshes)
      this.scene.add(group)
      return {
        name: body.name,
        group,
        solid: compileSolid(meshes, index + 1),
        fixed: fixed.includes(body.name),
      }
    })
    this.#byName = new Map(this.nodes.map((node) => [node.name, node]))
  }

  /** World pose of a body; position in m, rotation a unit quaternion xyzw. Throws UserError for an unknown name. */
  setPose(name: string, position: Vec3, rotation: Quat): void {
    const { group, fixed } = this.#node(name)
    const { position: p, quaternion: q } = group
    const [x, y, z] = position
    const [qx, qy, qz, qw] = rotation
    if (p.x === x && p.y === y && p.z === z && q.x === qx && q.y === qy && q.z === qz && q.w === qw) return
    p.set(x, y, z)
    q.set(qx, qy, qz, qw)
    this.version++
    if (fixed) this.fixedVersion++
  }

  /** Hides a body from cameras, with its shadow, or shows it again. */
  setVisible(name: string, visible: boolean): void {
    const { group, fixed } = this.#node(name)
    if (group.visible === visible) return
    group.visible = visible
    this.version++
    if (fixed) this.fixedVersion++
  }

  /** Colour where no body is: linear red, green and blue. */
  get background(): Vec3 {
    return this.#background
  }

  set background(color: Vec3) {
    if (color === this.#background) return
    this.#background = color
    this.version++
    this.fixedVersion++
  }

  /** SAPIEN adds the ambient light without the 1/pi of a Lambert surface and three.js with it, hence the factor pi. */
  setLighting({ ambient, sun, sides, tint }: Lighting): void {
    this.#ambient.intensity = ambient * Math.PI
    this.#ambient.color.setRGB(...tint)
    setLight(this.#sun, [0, 0, -1], sun, tint)
    this.#sides.forEach((light, i) => {
      setLight(light, sides[i].direction, sides[i].intensity, tint)
    })
  }

  /** Changes how the parts of a body that cameras see look; one surface for each. */
  paint(name: string, surfaces: readonly Surface[]): void {
    const { solid, group, fixed } = this.#node(name)
    if (surfaces.every((surface, part) => surface === solid.surfaces[part])) return
    for (const [part, surface] of surfaces.entries()) {
      solid.surfaces[part] = surface
      const { material } = group.children[part] as Mesh<BufferGeometry, MeshLambertMaterial>
      material.color.setRGB(surface.r, surface.g, surface.b)
    }
    this.version++
    if (fixed) this.fixedVersion++
  }

  #node(name: string): Node {
    const node = this.#byName.get(name)
    if (!node) throw unknownId('body', name, this.#byName.keys())
    return node
  }
}
