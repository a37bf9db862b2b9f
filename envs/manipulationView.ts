import {
  type Appearance,
  dress,
  Grain,
  movedCamera,
  type OwnSurfaces,
  ownSurfaces,
} from './appearance/index.js'
import type { PinholeCamera } from './cameras/index.js'
import type { Body } from './geometry.js'
import { SceneGraph, SoftwareRenderer } from './renderer/index.js'

/** Size of an observed picture, and the part of the camera's frame that it shows: 640x480, of the Google Robot 640x512. */
export interface ImageSpec {
  readonly width: number
  readonly height: number
  /** Left, top, width, height in pixels of the frame; default all of it. */
  readonly crop?: readonly [x: number, y: number, w: number, h: number]
}

/** What a view needs of a scene. */
export interface VisibleScene {
  visibleBodies(): Body[]
  /** Names of the visible bodies that never move. */
  fixedBodies(): string[]
  /** Calls back with the world pose, [7] with an xyzw quaternion, of every visible body. */
  visitPoses(visit: (name: string, pose: ArrayLike<number>) => void): void
  /** Names of the bodies that are not there at present; default none. */
  readonly absent?: ReadonlySet<string>
}

/**
 * A camera's view of a scene, 2 x 2 samples a pixel. Pictures are of the present state and drawn when asked for, each
 * in an array of its own; the second and third of one state cost no drawing.
 */
export class ManipulationView {
  /** Names by segmentation value; 0 is what no body covers. */
  readonly segmentationNames: readonly string[]
  private readonly scene: VisibleScene
  private readonly graph: SceneGraph
  private readonly renderer: SoftwareRenderer
  private readonly own: OwnSurfaces
  /** Of a camera, what this view sees of it. */
  private readonly crop: (camera: PinholeCamera) => PinholeCamera
  private wholeCamera: PinholeCamera
  private plainCamera: PinholeCamera
  private currentCamera: PinholeCamera
  private appearance: Appearance | undefined
  private grain: Grain | undefined

  /** @param camera the whole frame, of which `crop` is a part. */
  constructor(scene: VisibleScene, { width, height, crop }: ImageSpec, camera: PinholeCamera) {
    this.scene = scene
    this.graph = new SceneGraph(scene.visibleBodies(), scene.fixedBodies())
    this.own = ownSurfaces(this.graph)
    this.crop = (whole) => whole.cropped(crop ?? [0, 0, whole.width, whole.height], width, height)
    this.wholeCamera = camera
    this.plainCamera = this.currentCamera = this.crop(camera)
    this.segmentationNames = ['background', ...this.graph.nodes.map(({ name }) => name)]
    this.renderer = new SoftwareRenderer({ width, height, supersample: 2 })
  }

  /** Intrinsics (px) and world pose. */
  get camera(): PinholeCamera {
    return this.currentCamera
  }

  /** Looks from another place from now on; the whole frame, as it was given. */
  lookFrom(camera: PinholeCamera): void {
    if (camera === this.wholeCamera) return
    this.wholeCamera = camera
    this.plainCamera = this.crop(camera)
    const moved = this.appearance?.camera
    this.currentCamera = moved ? this.crop(movedCamera(camera, moved)) : this.plainCamera
  }

  /** Shows the scene like this from now on; undefined: as it is. */
  wear(appearance: Appearance | undefined): void {
    if (appearance === this.appearance) return
    this.appearance = appearance
    dress(this.graph, this.own, appearance ?? {})
    const { camera, noise } = appearance ?? {}
    this.grain = noise && noise.deviation > 0 ? new Grain(noise) : undefined
    this.currentCamera = camera ? this.crop(movedCamera(this.wholeCamera, camera)) : this.plainCamera
  }

  /**
   * sRGB, uint8 [height, width, 3].
   * @param frame number of the picture in its episode, for the grain of an appearance
   */
  render(frame = 0): Uint8Array {
    const picture = this.renderer.rgb(this.posed(), this.camera)
    this.grain?.apply(picture, frame)
    return picture
  }

  /** Depth along the optical axis, float32 [height, width], m; 0 where no body is. Of a pixel's nearest sample. */
  renderDepth(): Float32Array {
    return this.renderer.depth(this.posed(), this.camera)
  }

  /** Body of the same sample, uint8 [height, width], an index into `segmentationNames`. */
  renderSegmentation(): Uint8Array {
    return this.renderer.segmentation(this.posed(), this.camera)
  }

  private posed(): SceneGraph {
    const { absent } = this.scene
    if (absent) for (const { name } of this.graph.nodes) this.graph.setVisible(name, !absent.has(name))
    this.scene.visitPoses((name, p) => {
      this.graph.setPose(name, [p[0], p[1], p[2]], [p[3], p[4], p[5], p[6]])
    })
    return this.graph
  }
}
