import { flatTableCamera, type PinholeCamera } from './cameras/index.js'
import { SceneGraph, SoftwareRenderer } from './renderer/index.js'
import type { Scene } from './scenes/scene.js'

/** Size of an observed picture, and the part of the published 640x480 frame it shows. */
export interface ImageSpec {
  readonly width: number
  readonly height: number
  /** Left, top, width, height in pixels of the 640x480 frame; default all of it. */
  readonly crop?: readonly [x: number, y: number, w: number, h: number]
}

/** Small pictures are supersampled: there a cube is a few pixels wide. */
const SUPERSAMPLED_PIXELS = 160 * 120

/** A camera's view of the scene, rendered on demand. */
export class ManipulationView {
  private readonly scene: Scene
  private readonly graph: SceneGraph
  private readonly camera: PinholeCamera
  private readonly renderer: SoftwareRenderer

  constructor(scene: Scene, { width, height, crop = [0, 0, 640, 480] }: ImageSpec) {
    this.scene = scene
    this.graph = new SceneGraph(scene.visibleBodies(), scene.fixedBodies())
    this.camera = flatTableCamera().cropped(crop, width, height)
    const supersample = width * height <= SUPERSAMPLED_PIXELS ? 2 : 1
    this.renderer = new SoftwareRenderer({ width, height, supersample })
  }

  /** New picture of the present state, [height, width, 3]. */
  render(): Uint8Array {
    this.scene.visitPoses((name, pose) => {
      this.graph.setPose(name, [pose[0], pose[1], pose[2]], [pose[3], pose[4], pose[5], pose[6]])
    })
    const out = new Uint8Array(3 * this.camera.width * this.camera.height)
    return this.renderer.render(this.graph, this.camera, out).rgb
  }
}
