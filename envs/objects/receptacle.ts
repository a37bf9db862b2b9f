import type { Part, Texture } from '../geometry.js'
import { disc, type ObjectSpec, plate, towel } from '../scenes/objects.js'
import { boundsOf, box } from './shapes.js'

/** Something to put things on, and what instructions call it. */
export interface Receptacle {
  readonly words: string
  readonly spec: ObjectSpec
  /** Heights above the table of what things rest on inside, and of the rim, m. */
  readonly rest: number
  readonly rim: number
  /** Half of the longest thing that fits inside the rim, m. */
  readonly inside: number
}

const FRICTION = 1
const TURN = 2 * Math.PI
const QUARTER = Math.PI / 2
/** Room for the open fingers inside a rim: they reach 48 mm to either side. */
const ROOM = 0.053
const WALL = 0.005

/** Parts stand on z = 0, which is the body's origin. */
function receptacle(
  words: string,
  parts: readonly Part[],
  period: number,
  { rest, rim = rest, inside = Infinity }: { rest: number; rim?: number; inside?: number },
  density = 1000,
): Receptacle {
  const { low, high } = boundsOf(parts)
  const name = words.replaceAll(' ', '_')
  const [x, y] = [high[0] - low[0], high[1] - low[1]]
  return {
    words,
    rest,
    rim,
    inside,
    spec: {
      name,
      body: { name, parts },
      density,
      friction: FRICTION,
      box: [x, y, high[2]],
      bottom: 0,
      footprint: period === TURN ? x / 2 : Math.hypot(x, y) / 2,
      graspPeriod: period,
      graspHeight: 0.004,
    },
  }
}

/** A flat disc on a smaller foot, as the plate of the carrot. */
export function flatPlate(words: string, color: number, middle: number): Receptacle {
  const parts = [
    disc(0.034, 0, 0.003, color),
    disc(0.06, 0.003, 0.007, color),
    disc(0.042, 0.007, 0.0076, middle, false),
  ]
  return receptacle(words, parts, TURN, { rest: 0.007 })
}

const SIDES = 12

/** A round dish with a rim of twelve straight pieces. */
export function dish(words: string, color: number, height: number, middle = color): Receptacle {
  const radius = ROOM + WALL / 2
  const side = 2 * radius * Math.tan(Math.PI / SIDES)
  const wall = Array.from({ length: SIDES }, (_, i) => {
    const angle = (i * TURN) / SIDES
    const at = [radius * Math.cos(angle), radius * Math.sin(angle), height / 2] as const
    return box(at, [WALL, side + 0.001, height], color, { yaw: angle })
  })
  const floor = [disc(radius, 0, 0.004, color), disc(ROOM - 0.004, 0.004, 0.0045, middle, false)]
  return receptacle(words, [...floor, ...wall], TURN, { rest: 0.004, rim: height, inside: ROOM - 0.005 }, 600)
}

/** An open box, a little longer than wide. */
export function openBox(
  words: string,
  color: number,
  height: number,
  look: { readonly texture?: Texture; readonly length?: number } = {},
): Receptacle {
  const { texture, length = 2 * ROOM } = look
  const [x, y] = [length + 2 * WALL, 2 * ROOM + 2 * WALL]
  const parts = [
    box([0, 0, 0.002], [x, y, 0.004], color, { texture }),
    ...[-1, 1].flatMap((s) => [
      box([(s * (x - WALL)) / 2, 0, height / 2], [WALL, y, height], color, { texture }),
      box([0, (s * (y - WALL)) / 2, height / 2], [x, WALL, height], color, { texture }),
    ]),
  ]
  const period = length === 2 * ROOM ? QUARTER : Math.PI
  return receptacle(words, parts, period, { rest: 0.004, rim: height, inside: length / 2 - 0.002 }, 600)
}

/** A flat rectangle of a height, perhaps with bands of another colour across it. */
export function slab(
  words: string,
  color: number,
  [x, y, height]: readonly [number, number, number],
  look: { readonly texture?: Texture; readonly bands?: number; readonly density?: number } = {},
): Receptacle {
  const { texture, bands, density = 400 } = look
  const parts = [box([0, 0, height / 2], [x, y, height], color, { texture })]
  if (bands !== undefined) {
    for (const at of [-0.36 * x, 0.36 * x])
      parts.push(box([at, 0, height], [0.007, y - 0.002, 0.0006], bands, { texture, collides: false }))
  }
  return receptacle(words, parts, x === y ? QUARTER : Math.PI, { rest: height }, density)
}

export const knownPlate: Receptacle = {
  words: 'plate',
  spec: plate,
  rest: 0.006,
  rim: 0.006,
  inside: Infinity,
}
export const knownTowel: Receptacle = {
  words: 'towel',
  spec: towel,
  rest: 0.0083,
  rim: 0.0083,
  inside: Infinity,
}
