import { UserError } from '@vla-gym/gymnasium'

export interface ManipulationObservation {
  /** [height, width, 3] sRGB; rendered at first access, which must come before the next step. */
  readonly image: Uint8Array
  /** [14], base frame; see `stateNames` of the embodiment. */
  readonly state: Float32Array
  readonly instruction: string
}

/** Observation whose picture is rendered when first looked at. */
export class LazyObservation implements ManipulationObservation {
  readonly state: Float32Array
  readonly instruction: string
  private readonly draw: () => Uint8Array
  private picture: Uint8Array | undefined
  private expired = false

  constructor(instruction: string, state: Float32Array, draw: () => Uint8Array) {
    this.instruction = instruction
    this.state = state
    this.draw = draw
  }

  get image(): Uint8Array {
    if (this.picture === undefined && this.expired) {
      throw new UserError('obs.image was not looked at before the next step or reset: read it in time')
    }
    this.picture ??= this.draw()
    return this.picture
  }

  expire(): void {
    this.expired = true
  }
}
