import { UserError } from '@vla-gym/gymnasium'

/** Draws the present state; undefined where the option is not set. */
export interface Pictures {
  image(): Uint8Array
  depth?(): Float32Array
  segmentation?(): Uint8Array
}

/** `obs.image` of an environment without an image size. */
export const NO_IMAGE = new Uint8Array(0)

type Picture<Draw> = Draw extends () => infer Drawn ? Drawn : undefined

/** The pictures of one observation: rendered when first looked at, which must come before the next step. */
export class LazyPictures<P extends Pictures = Pictures> {
  private readonly draw: P
  private readonly drawn: { [Name in keyof P]?: Picture<P[Name]> } = {}
  private expired = false

  constructor(draw: P) {
    this.draw = draw
  }

  /** UserError where it is too late. */
  get<Name extends keyof P & string>(name: Name): Picture<P[Name]> {
    const draw = this.draw[name] as (() => Picture<P[Name]>) | undefined
    if (!draw) return undefined as Picture<P[Name]>
    if (name in this.drawn) return this.drawn[name]!
    if (this.expired) {
      throw new UserError(`obs.${name} was not looked at before the next step or reset: read it in time`)
    }
    const picture = draw()
    this.drawn[name] = picture
    return picture
  }

  /** From now on only what was looked at is there. */
  expire(): void {
    this.expired = true
  }
}
