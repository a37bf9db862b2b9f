import { UserError } from '@vla-gym/gymnasium'
import type { PinholeParameters } from '../cameras/index.js'
import { FacePainter } from './facePainter.js'
import type { Ground } from './fills.js'
import { type Canvas, createCanvas, DirtyRows, restoreRows } from './frame.js'
import { castOnGround, type GroundPlane, groundPlanes } from './groundShadow.js'
import { HeightMap } from './heightMap.js'
import { createLights, type Lights, pack, readLights } from './lighting.js'
import { layers, type Picture, resolveAll, resolveDirty } from './resolve.js'
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
}

/** What the renderer keeps of a scene, with the last picture of it. */
interface Kept {
  readonly projected: readonly Projected[]
  readonly lights: Lights
  readonly canvas: Canvas
  readonly dirty: DirtyRows
  readonly ground: Ground
  planes: readonly GroundPlane[]
  /** Pixels of the background, made when first asked for. */
  still: Partial<Picture>
  camera: PinholeParameters
  view: View
  /** States of scene, fixed bodies and lights that were drawn. */
  version: number
  fixedVersion: number
  lightVersion: number
}

/**
 * Draws a SceneGraph on the CPU: convex faces, flat Lambert shading, depth buffer, exact shadows on the horizontal
 * faces of fixed bodies and mapped ones between the others. The same scene gives the same bytes, whatever was drawn
 * before. One renderer serves one picture size. It keeps a background per scene, redrawn when another camera object, a
 * moved fixed body or a changed light is met, and draws anew only where a moving body or its shadow is or was; depth
 * after colours of the same state draws nothing. Nothing is cut at the far plane.
 *
 * Each picture goes to `out`, or else to a new array. UserError when sizes differ.
 */
export class SoftwareRenderer {
  readonly #width: number
  readonly #height: number
  readonly #scale: 1 | 2
  readonly #spans: Spans
  readonly #painter: FacePainter
  readonly #map: HeightMap | null
  readonly #kept = new WeakMap<SceneGraph, Kept>()

  constructor(options: SoftwareRendererOptions) {
    const { width, height, supersample = 1, shadows = true } = options
    if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0))
      throw new UserError(`renderer size ${width}x${height}: width and height must be positive integers`)
    if (supersample !== 1 && supersample !== 2)
      throw new UserError(`renderer supersample ${supersample}: must be 1 or 2`)
    this.#width = width
    this.#height = height
    this.#scale = supersample
    this.#spans = new Spans(width * supersample, height * supersample)
    this.#painter = new FacePainter(this.#spans)
    this.#map = shadows ? new HeightMap() : null
  }

  /** Colours, uint8 [height, width, 3], sRGB. */
  rgb(graph: SceneGraph, camera: PinholeParameters, out?: Uint8Array): Uint8Array {
    return this.#picture(graph, camera, 'rgb', out)
  }

  /** Depth along the optical axis, float32 [height, width], m; 0: nothing there. Of a pixel's nearest sample. */
  depth(graph: SceneGraph, camera: PinholeParameters, out?: Float32Array): Float32Array {
    return this.#picture(graph, camera, 'depth', out)
  }

  /** Index of the body in the scene + 1, uint8 [height, width]; 0: nothing there. Of a pixel's nearest sample. */
  segmentation(graph: SceneGraph, camera: PinholeParameters, out?: Uint8Array): Uint8Array {
    return this.#picture(graph, camera, 'segmentation', out)
  }

  #picture<K extends keyof Picture>(
    graph: SceneGraph,
    camera: PinholeParameters,
    kind: K,
    out: Picture[K] | undefined,
  ): Picture[K] {
    const [width, height] = [this.#width, this.#height]
    if (camera.width !== width || camera.height !== height)
      throw new UserError(
        `camera is ${camera.width}x${camera.height} but the renderer ${width}x${height}; use camera.cropped()`,
      )
    const { perPixel, resolve } = layers[kind]
    const length = perPixel * width * height
    if (out && out.length !== length)
      throw new UserError(`${kind} buffer has ${out.length} numbers; it must have ${length}`)
    const kept = this.#draw(graph, camera)
    const still = this.#stillPicture(kept, kind)
    if (out) out.set(still)
    const picture = out ?? (still.slice() as Picture[K])
    resolveDirty(kept.canvas.frame, this.#scale, kept.dirty, resolve, picture)
    return picture
  }

  #stillPicture<K extends keyof Picture>({ canvas, still }: Kept, kind: K): Picture[K] {
    const known = still[kind] as Picture[K] | undefined
    if (known) return known
    const { perPixel, create, resolve } = layers[kind]
    const made = create(perPixel * this.#width * this.#height)
    resolveAll(canvas.background, this.#scale, resolve, made)
    still[kind] = made
    return made
  }

  /** Brings the frame of a scene up to date. */
  #draw(graph: SceneGraph, camera: PinholeParameters): Kept {
    const kept = this.#keptOf(graph, camera)
    const { nodes, version, fixedVersion } = graph
    const { projected, lights, view, canvas, dirty } = kept
    readLights(graph.scene, lights)
    const redraw = kept.fixedVersion !== fixedVersion || kept.lightVersion !== lights.version
    if (!redraw && kept.version === version) return kept
    this.#painter.lights = lights
    if (redraw) this.#drawBackground(graph, kept)
    else restoreRows(canvas, dirty)
    dirty.clear()
    kept.version = version
    kept.fixedVersion = fixedVersion
    kept.lightVersion = lights.version

    this.#project(nodes, kept, moves)
    const map = lights.sun >= 0 ? this.#map : null
    if (map) {
      map.draw(nodes, projected, moves)
      this.#painter.aim(map, view)
      this.#castOnGround(nodes, kept, moves)
    }
    for (let i = 0; i < nodes.length; i++)
      if (moves(nodes[i]) && projected[i].onScreen)
        this.#painter.draw(nodes[i], projected[i], view, canvas.frame, dirty, map)
    return kept
  }

  #keptOf(graph: SceneGraph, camera: PinholeParameters): Kept {
    let kept = this.#kept.get(graph)
    if (!kept) {
      const { width, height } = this.#spans
      kept = {
        projected: graph.nodes.map(({ solid }) => createProjected(solid)),
        lights: createLights(),
        canvas: createCanvas(width, height),
        dirty: new DirtyRows(width, height),
        ground: { dark: new Uint32Array(width * height), seen: new Uint8Array(width * height) },
        planes: [],
        still: {},
        camera,
        view: createView(camera, this.#scale),
        version: -1,
        fixedVersion: -1,
        lightVersion: -1,
      }
      this.#kept.set(graph, kept)
    }
    if (kept.camera !== camera) {
      kept.camera = camera
      kept.view = createView(camera, this.#scale)
      kept.fixedVersion = -1
    }
    return kept
  }

  /** Draws the fixed bodies, into the frame and the background. */
  #drawBackground({ nodes, background: empty }: SceneGraph, kept: Kept): void {
    const { canvas, ground, lights, projected, view } = kept
    const { frame, background } = canvas
    kept.still = {}
    const emptyColor = pack(...empty, 0)
    frame.color.fill(emptyColor)
    frame.inverseDepth.fill(0)
    ground.dark.fill(emptyColor)
    ground.seen.fill(0)
    this.#project(nodes, kept, stays)
    kept.planes = groundPlanes(nodes, projected)
    for (let i = 0; i < nodes.length; i++)
      if (stays(nodes[i]) && projected[i].onScreen)
        this.#painter.drawBackground(nodes[i], projected[i], view, frame, ground, kept.planes)
    if (this.#map && lights.sun >= 0) this.#castOnGround(nodes, kept, stays)
    background.color.set(frame.color)
    background.inverseDepth.set(frame.inverseDepth)
  }

  #project(nodes: readonly Node[], { projected, view }: Kept, which: (node: Node) => boolean): void {
    const { width, height } = this.#spans
    for (let i = 0; i < nodes.length; i++)
      if (which(nodes[i])) projectNode(nodes[i], view, width, height, projected[i])
  }

  #castOnGround(nodes: readonly Node[], kept: Kept, casts: (node: Node) => boolean): void {
    const { projected, view, planes, ground, canvas, dirty } = kept
    for (let p = 0; p < planes.length; p++) {
      if (view.eye[2] <= planes[p].height) continue
      for (let i = 0; i < nodes.length; i++)
        if (casts(nodes[i]))
          castOnGround(nodes[i], projected[i], view, planes[p], p, ground, canvas.frame, dirty, this.#spans)
    }
  }
}

const moves = ({ fixed, group }: Node): boolean => !fixed && group.visible
const stays = ({ fixed, group }: Node): boolean => fixed && group.visible
