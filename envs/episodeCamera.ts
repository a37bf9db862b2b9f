import { type RenderFrame, UserError } from '@vla-gym/gymnasium'
import { imageMatrices, type PinholeCamera } from './cameras/index.js'
import type { EpisodeLook } from './episodeLook.js'
import { NO_IMAGE, type Pictures } from './lazyPictures.js'
import type { ManipulationEnvOptions } from './manipulationOptions.js'
import { type ImageSpec, ManipulationView, type VisibleScene } from './manipulationView.js'

/** Of a video, px; as high as the camera has it. */
const VIDEO_WIDTH = 320

/** The camera that sees the whole scene, in the look of the episode. Its views are made when they are first needed. */
export class EpisodeCamera {
  /** Of observations. */
  readonly pictures: Pictures
  private readonly scene: VisibleScene
  private readonly look: EpisodeLook
  private readonly image: ImageSpec | null | undefined
  private whole: PinholeCamera
  private observed: ManipulationView | undefined
  private filmed: ManipulationView | undefined

  /** @param whole of the whole frame, as it is without a look */
  constructor(
    scene: VisibleScene,
    whole: PinholeCamera,
    look: EpisodeLook,
    { image, depth, segmentation }: ManipulationEnvOptions,
  ) {
    this.scene = scene
    this.whole = whole
    this.look = look
    this.image = image
    this.pictures = {
      image: () => (image ? look.picture(this.view()) : NO_IMAGE),
      depth: depth ? () => this.view().renderDepth() : undefined,
      segmentation: segmentation ? () => this.view().renderSegmentation() : undefined,
    }
  }

  /** What observations show. UserError without an image size. */
  view(): ManipulationView {
    if (!this.image) throw new UserError('no camera: set the option image: { width, height }')
    this.observed ??= new ManipulationView(this.scene, this.image, this.whole)
    return this.look.dress(this.observed)
  }

  /** Observations are drawn by this view from now on; undefined: by one of its own. */
  lookThrough(view: ManipulationView | undefined): void {
    this.observed = view
  }

  /** Stands somewhere else from now on. */
  lookFrom(whole: PinholeCamera): void {
    this.whole = whole
    this.observed?.lookFrom(whole)
    this.filmed?.lookFrom(whole)
  }

  /** Picture of the present state for videos. */
  film(): RenderFrame {
    const { width, height } = this.whole
    const size = { width: VIDEO_WIDTH, height: (VIDEO_WIDTH * height) / width }
    this.filmed ??= new ManipulationView(this.scene, size, this.whole)
    return { ...size, data: this.look.picture(this.filmed) }
  }

  /** Matrices of observed pictures. */
  matrices(): ReturnType<typeof imageMatrices> {
    return imageMatrices(this.look.moved(this.whole), this.image)
  }
}
