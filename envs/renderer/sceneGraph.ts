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
import { compileSolid, type Solid } from './solid.js'

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

function directionalLight(direction: Vec3, intensity: number): DirectionalLight {
  const light = new DirectionalLight(0xffffff, intensity)
  light.position.set(-direction[0], -direction[1], -direction[2])
  return light
}

/**
 * Lights of SimplerEnv's tabletop scenes (ManiSkill2_real2sim put_on_in_scene.py `_setup_lighting`): ambient 0.3,
 * directional (0,0,-1) 2.2, (-1,-0.5,-1) 0.7, (1,1,-1) 0.7. SAPIEN adds the ambient light without the 1/pi of a
 * Lambert surface and three.js with it, hence the factor pi.
 */
function tabletopLights(): [AmbientLight, ...DirectionalLight[]] {
  const sun = directionalLight([0, 0, -1], 2.2)
  sun.castShadow = true
  return [
    new AmbientLight(0xffffff, 0.3 * Math.PI),
    sun,
    directionalLight([-1, -0.5, -1], 0.7),
    directionalLight([1, 1, -1], 0.7),
  ]
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

  constructor(bodies: readonly Body[], fixed: readonly string[] = ['table']) {
    this.scene.add(...tabletopLights())
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

  #node(name: string): Node {
    const node = this.#byName.get(name)
    if (!node) throw unknownId('body', name, this.#byName.keys())
    return node
  }
}
