import type { PinholeCamera } from '../cameras/index.js'
import { type ImageSpec, ManipulationView, type VisibleScene } from '../manipulationView.js'

/** A view whose camera goes along with a wrist. Of an appearance it takes everything but where the camera is. */
export class WristView extends ManipulationView {
  private readonly place: () => PinholeCamera
  private readonly size: ImageSpec

  /** @param place the whole frame of the present camera. */
  constructor(scene: VisibleScene, size: ImageSpec, place: () => PinholeCamera) {
    super(scene, size, place())
    this.place = place
    this.size = size
  }

  override get camera(): PinholeCamera {
    const whole = this.place()
    return whole.cropped([0, 0, whole.width, whole.height], this.size.width, this.size.height)
  }
}
