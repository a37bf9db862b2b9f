import { UserError } from '@vla-gym/gymnasium'
import type { PinholeParameters } from '../cameras/index.js'
import { type DarkPicture, FacePainter } from './facePainter.js'
import type { Frame } from './fills.js'
import { castOnGround, groundHeight } from './groundShadow.js'
import { HeightMap } from './heightMap.js'
import { createLights, type Lights, pack, readLights } from './lighting.js'
import { resolveColor, resolveGeometry } from './resolve.js'
import type { Node, SceneGraph } from './sceneGraph.js'
import { Spans } from './spans.js'
import { createProjected, createView, type Projected, projectNode, type View } from './view.js'

export interface SoftwareRendererOptions {
  /** Pixels; must be the camera's. */
  readonly width: number
  readonly height: number
  /** Samples per pixel and axis; default 1. */
  readonly supersample?: 1 | 2
  /** Shadows of the downward light; default true. */
  readonly shadows?: boolean
  /** Fill `depth`; default false. */
  readonly depth?: boolean
  /** Fill `segmentation`; default false. */
  readonly segmentation?: boolean
}

/** Rows top to bottom. Arrays that were not asked for are empty. */
export interface Rendering {
  /** [height, width, 3], sRGB. */
  readonly rgb: Uint8Array
  /** [height, width], m along the optical axis; 0: nothing there. With supersampling, of the nearest sample. */
  readonly depth: Float32Array
  /** [height, width], index of the body in the scene + 1; 0: background. */
  readonly segmentation: Uint16Array
}

/** Empty space. */
const emptyColor = pack(0.26, 0.27, 0.28, 0)

/** The fixed bodies of a scene, drawn once; also with the ground in shadow. */
interface Background extends DarkPicture {
  readonly frame: Frame
  /** Height of the horizontal plane that receives shadows, m; null: none. */
  ground: number | null
  fixedVersion: number
  lightVersion: number
}

/** What the renderer keeps of a scene. */
interface Kept {
  readonly projected: readonly Projected[]
  readonly lights: Lights
  readonly background: Background
  camera: PinholeParameters
  view: View
}

/**
 * Draws a SceneGraph on the CPU: convex faces, flat Lambert shading, depth buffer, exact shadows on the ground plane
 * and mapped ones between bodies. The same scene gives the same bytes, whatever was drawn before. One renderer serves
 * one picture size; it keeps a background per scene, redrawn when another camera object, a moved fixed body or a
 * changed light is met. Nothing is cut at the far plane.
 */
export class SoftwareRenderer {
  readonly #width: number
  readonly #height: number
  readonly #scale: 1 | 2
  readonly #frame: Frame
  readonly #spans: Spans
  readonly #painter: FacePainter
  readonly #map: HeightMap | null
  readonly #kept = new WeakMap<SceneGraph, Kept>()
  readonly #result: Rendering

  constructor(options: SoftwareRendererOptions) {
    const { width, height, supersample = 1, shadows = true } = options
    if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0))
      throw new UserError(`renderer size ${width}x${height}: width and height must be positive integers`)
    if (supersample !== 1 && supersample !== 2)
      throw new UserError(`renderer supersample ${supersample}: must be 1 or 2`)
    this.#width = width
    this.#height = height
    this.#scale = supersample
    this.#frame = createFrame(width * supersample, height * supersample)
    this.#spans = new Spans(this.#frame.width, this.#frame.height)
    this.#painter = new FacePainter(this.#spans)
    this.#map = shadows ? new HeightMap() : null
    this.#result = {
      rgb: new Uint8Array(3 * width * height),
      depth: new Float32Array(options.depth ? width * height : 0),
      segmentation: new Uint16Array(options.segmentation ? width * height : 0),
    }
  }

  /**
   * Draws the scene. rgb goes to `out` (length 3 * width * height), or else to an array of this renderer; it, depth
   * and segmentation are overwritten by the next call. Throws UserError when sizes differ.
   */
  render(graph: SceneGraph, camera: PinholeParameters, out?: Uint8Array): Rendering {
    const [width, height] = [this.#width, this.#height]
    if (camera.width !== width || camera.height !== height)
      throw new UserError(
        `camera is ${camera.width}x${camera.height} but the renderer ${width}x${height}; use camera.cropped()`,
      )
    if (out && out.length !== 3 * width * height)
      throw new UserError(`picture buffer has ${out.length} bytes; it must have ${3 * width * height}`)
    const kept = this.#keptOf(graph, camera)
    const { nodes } = graph
    const { projected, background, lights, view } = kept
    readLights(graph.scene, lights)
    this.#painter.lights = lights
    if (background.fixedVersion !== graph.fixedVersion || background.lightVersion !== lights.version)
      this.#drawBackground(graph, kept)

    const frame = this.#frame
    frame.color.set(background.frame.color)
    frame.inverseDepth.set(background.frame.inverseDepth)
    this.#project(nodes, projected, view, moves)
    const map = lights.sun >= 0 ? this.#map : null
    if (map) {
      map.draw(nodes, projected, moves)
      this.#painter.aim(map, view)
      this.#castOnGround(nodes, projected, view, background, frame, moves)
    }
    for (let i = 0; i < nodes.length; i++)
      if (moves(nodes[i]) && projected[i].onScreen)
        this.#painter.draw(nodes[i], projected[i], view, frame, map?.shaded[i] ? map : null, null)

    const { rgb, depth, segmentation } = this.#result
    resolveColor(frame, this.#scale, out ?? rgb)
    if (depth.length + segmentation.length > 0) resolveGeometry(frame, this.#scale, depth, segmentation)
    return out ? { rgb: out, depth, segmentation } : this.#result
  }

  #keptOf(graph: SceneGraph, camera: PinholeParameters): Kept {
    let kept = this.#kept.get(graph)
    if (!kept) {
      const frame = createFrame(this.#frame.width, this.#frame.height)
      const dark = new Uint32Array(frame.color.length)
      kept = {
        projected: graph.nodes.map(({ solid }) => createProjected(solid.vertexCount)),
        lights: createLights(),
        background: { frame, dark, ground: null, fixedVersion: -1, lightVersion: -1 },
        camera,
        view: createView(camera, this.#scale),
      }
      this.#kept.set(graph, kept)
    }
    if (kept.camera !== camera) {
      kept.camera = camera
      kept.view = createView(camera, this.#scale)
      kept.background.fixedVersion = -1
    }
    return kept
  }

  #drawBackground({ nodes, fixedVersion }: SceneGraph, { background, lights, projected, view }: Kept): void {
    background.fixedVersion = fixedVersion
    background.lightVersion = lights.version
    const { frame, dark } = background
    frame.color.fill(emptyColor)
    dark.fill(emptyColor)
    frame.inverseDepth.fill(0)
    this.#project(nodes, projected, view, stays)
    background.ground = groundHeight(nodes, projected)
    for (let i = 0; i < nodes.length; i++)
      if (stays(nodes[i]) && projected[i].onScreen)
        this.#painter.draw(nodes[i], projected[i], view, frame, null, background)
    if (this.#map && lights.sun >= 0) this.#castOnGround(nodes, projected, view, background, frame, stays)
  }

  #project(
    nodes: readonly Node[],
    projected: readonly Projected[],
    view: View,
    which: (node: Node) => boolean,
  ): void {
    const { width, height } = this.#frame
    for (let i = 0; i < nodes.length; i++)
      if (which(nodes[i])) projectNode(nodes[i], view, width, height, projected[i])
  }

  #castOnGround(
    nodes: readonly Node[],
    projected: readonly Projected[],
    view: View,
    { ground, dark }: Background,
    frame: Frame,
    casts: (node: Node) => boolean,
  ): void {
    if (ground === null || view.eye[2] <= ground) return
    for (let i = 0; i < nodes.length; i++)
      if (casts(nodes[i])) castOnGround(nodes[i], projected[i], view, ground, dark, frame, this.#spans)
  }
}

function createFrame(width: number, height: number): Frame {
  const count = width * height
  return { width, height, color: new Uint32Array(count), inverseDepth: new Float32Array(count) }
}

const moves = ({ fixed, group }: Node): boolean => !fixed && group.visible
const stays = ({ fixed, group }: Node): boolean => fixed && group.visible
