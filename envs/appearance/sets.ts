import type { Rng } from '@vla-gym/gymnasium'
import type { Texture } from '../geometry.js'

/** Looks for training, and looks that training must not see. */
export const lookSets = ['train', 'unseen'] as const
export type LookSet = (typeof lookSets)[number]

/** One or more intervals; a draw is uniform over all of them. */
export type Intervals = readonly (readonly [low: number, high: number])[]

/** The split. What is below is all that tells the two sets apart; changing it makes results incomparable. */
interface Looks {
  readonly table: {
    /** Of `tableLook`. */
    readonly seeds: readonly number[]
    /** What tables, and what sinks are of. */
    readonly patterns: readonly Texture[]
    readonly sinks: readonly Texture[]
  }
  readonly objects: {
    /** Turn of the hue to either side, rad. */
    readonly hue: Intervals
    /** Factors of Oklab chroma and lightness. */
    readonly chroma: Intervals
    readonly lightness: Intervals
    /** Over the colour of every object; none: the objects' own. */
    readonly patterns: readonly Texture[]
  }
  readonly light: {
    /** Of a horizontal face, as a factor of the plain scene's. */
    readonly brightness: Intervals
    /** -1 bluish ... 1 yellowish. */
    readonly warmth: Intervals
    /** Share of the ambient light in a horizontal face's; the plain scene's is 0.23. */
    readonly ambient: Intervals
  }
  readonly camera: {
    /** How far the eye is moved, m, any direction. */
    readonly eye: Intervals
    /** How far what it looks at, half a metre ahead, is moved, m, any direction. */
    readonly target: Intervals
    /** Factor of the focal length. */
    readonly focal: Intervals
  }
  readonly noise: {
    /** Standard deviation of a pixel's value of 0 to 255; below 0: no grain. */
    readonly deviation: Intervals
    /** Exposure, powers of two of the linear value. */
    readonly exposure: Intervals
  }
}

const degrees = (low: number, high: number) => [(low * Math.PI) / 180, (high * Math.PI) / 180] as const
const seeds = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i)

export const looks: Readonly<Record<LookSet, Looks>> = {
  train: {
    table: {
      seeds: seeds(0, 24),
      patterns: ['wood', 'grain', 'concrete', 'marble', 'tiles', 'cloth', 'stripes', 'plain'],
      sinks: ['brushed', 'speckle', 'concrete', 'plain'],
    },
    objects: {
      hue: [degrees(0, 5)],
      chroma: [[0.85, 1.1]],
      lightness: [[0.92, 1.06]],
      patterns: [],
    },
    light: { brightness: [[0.75, 1.2]], warmth: [[-0.5, 0.5]], ambient: [[0.15, 0.4]] },
    camera: { eye: [[0, 0.025]], target: [[0, 0.012]], focal: [[0.96, 1.04]] },
    noise: { deviation: [[-4, 4]], exposure: [[-0.25, 0.25]] },
  },
  unseen: {
    table: {
      seeds: seeds(1000, 24),
      patterns: ['herringbone', 'gingham', 'terrazzo', 'dots', 'wood', 'concrete', 'marble', 'cloth'],
      sinks: ['tiles', 'terrazzo', 'marble', 'grain'],
    },
    objects: {
      hue: [degrees(6, 7.5)],
      chroma: [
        [0.7, 0.8],
        [1.15, 1.2],
      ],
      lightness: [
        [0.84, 0.89],
        [1.09, 1.12],
      ],
      patterns: ['checker', 'stripes', 'dots', 'weave'],
    },
    light: {
      brightness: [
        [0.45, 0.6],
        [1.4, 1.65],
      ],
      warmth: [
        [-1, -0.7],
        [0.7, 1],
      ],
      ambient: [
        [0.05, 0.1],
        [0.5, 0.6],
      ],
    },
    camera: {
      eye: [[0.035, 0.05]],
      target: [[0, 0.012]],
      focal: [
        [0.9, 0.93],
        [1.06, 1.09],
      ],
    },
    noise: {
      deviation: [[8, 14]],
      exposure: [
        [-0.9, -0.5],
        [0.45, 0.7],
      ],
    },
  },
}

/** Uniform over the intervals together. */
export function draw(rng: Rng, intervals: Intervals): number {
  let at = rng.uniform(
    0,
    intervals.reduce((sum, [low, high]) => sum + high - low, 0),
  )
  for (const [low, high] of intervals) {
    if (at < high - low) return low + at
    at -= high - low
  }
  return intervals[intervals.length - 1][1]
}
