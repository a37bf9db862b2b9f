import { Rng } from '@vla-gym/gymnasium'
import {
  type Appearance,
  type AppearanceOption,
  appearanceSpec,
  drawAppearance,
  movedCamera,
  shadedBodies,
} from './appearance/index.js'
import type { PinholeCamera } from './cameras/index.js'
import type { ManipulationView } from './manipulationView.js'

export interface EpisodeLookState {
  readonly frame: number
  readonly looks: ReturnType<Rng['save']>
  readonly appearance?: Appearance
}

/** What an episode looks like: the appearance that its reset has drawn, and the number of the present picture. */
export class EpisodeLook {
  private readonly option: AppearanceOption
  private readonly shaded: readonly string[]
  /** A stream of its own, so that placements do not depend on looks. */
  private looks = Rng.fromSeed(0, 'appearance')
  /** Undefined: as the scene is. */
  private appearance: Appearance | undefined
  /** Control steps since reset. */
  private frame = 0

  /** @param bodies names of furniture and objects, which the option may change */
  constructor(option: AppearanceOption = 'plain', bodies: readonly string[]) {
    this.option = option
    this.shaded = shadedBodies(bodies)
  }

  /** Draws a new look. @param own what the layout looks like by itself, where the option changes nothing */
  reset(seed: number | undefined, own?: Appearance): void {
    this.frame = 0
    if (seed !== undefined) this.looks = Rng.fromSeed(seed, 'appearance')
    const drawn =
      this.option === 'plain'
        ? undefined
        : drawAppearance(appearanceSpec(this.option), this.shaded, this.looks)
    this.appearance = own ? { ...own, ...drawn, objects: { ...own.objects, ...drawn?.objects } } : drawn
  }

  /** After a control step. */
  advance(): void {
    this.frame++
  }

  /** The scene is shown in this look. */
  dress(view: ManipulationView): ManipulationView {
    view.wear(this.appearance)
    return view
  }

  /** A view's picture of the present state, sRGB [height, width, 3]. */
  picture(view: ManipulationView): Uint8Array {
    return this.dress(view).render(this.frame)
  }

  /** Where this look has a camera. */
  moved(camera: PinholeCamera): PinholeCamera {
    return movedCamera(camera, this.appearance?.camera)
  }

  save(): EpisodeLookState {
    const { frame, looks, appearance } = this
    return { frame, looks: looks.save(), appearance }
  }

  restore({ frame, looks, appearance }: EpisodeLookState): void {
    this.frame = frame
    this.looks = Rng.restore(looks)
    this.appearance = appearance
  }
}
