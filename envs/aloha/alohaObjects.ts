import type { Part, Quat, Vec3 } from '../geometry.js'
import { OBJECT_FRICTION, type ObjectSpec } from '../scenes/objectSpec.js'
import { disc } from '../scenes/objects.js'

/** Things of DOMINO's ten tasks as primitives of our own; masses as set there for moving things where they are. */

const UPRIGHT: Quat = [0, 0, 0, 1]
const ALONG_X: Quat = [0, Math.SQRT1_2, 0, Math.SQRT1_2]

function block(center: Vec3, half: Vec3, color: number, collides = true): Part {
  return {
    shape: { kind: 'box', halfExtents: half },
    pose: { position: center, rotation: UPRIGHT },
    color,
    collides,
  }
}

/** Cylinder along x. */
function rod(x: number, radius: number, halfLength: number, color: number): Part {
  return {
    shape: { kind: 'cylinder', radius, halfHeight: halfLength },
    pose: { position: [x, 0, 0], rotation: ALONG_X },
    color,
  }
}

function thing(
  name: string,
  parts: readonly Part[],
  settings: Pick<ObjectSpec, 'density' | 'box' | 'bottom' | 'graspPeriod' | 'graspHeight'> & {
    readonly fixed?: boolean
  },
): ObjectSpec {
  const [x, y] = settings.box
  return {
    name,
    body: { name, parts },
    friction: OBJECT_FRICTION,
    footprint: Math.hypot(x, y) / 2,
    ...settings,
  }
}

const TURN = 2 * Math.PI

/** Along x, 34 cm: both arms grip the handles. */
export const ROLLER_GRIP = 0.14
export const roller = thing(
  'roller',
  [rod(0, 0.02, 0.11, 0xc9965a), rod(-0.14, 0.013, 0.03, 0x8a5a2b), rod(0.14, 0.013, 0.03, 0x8a5a2b)],
  { density: 165, box: [0.34, 0.04, 0.04], bottom: 0.02, graspPeriod: Math.PI, graspHeight: 0 },
)

/** Along x, lying. */
export const LONG_BLOCK_GRIP = 0.065
export const longBlock = thing('red_block', [block([0, 0, 0], [0.1, 0.02, 0.02], 0xc8322b)], {
  density: 156,
  box: [0.2, 0.04, 0.04],
  bottom: 0.02,
  graspPeriod: Math.PI,
  graspHeight: 0.002,
})

export const bluePad = thing('blue_pad', [block([0, 0, 0.005], [0.05, 0.05, 0.005], 0x2f5fc4)], {
  density: 5000,
  box: [0.1, 0.1, 0.01],
  bottom: 0,
  graspPeriod: Math.PI / 2,
  graspHeight: 0,
})

export const handoverPad: ObjectSpec = { ...bluePad, fixed: true }

export const teaBox = thing(
  'tea_box',
  [
    block([0, 0, 0], [0.03, 0.02, 0.02], 0x3e8f5a),
    block([0, 0, 0.0202], [0.018, 0.012, 0.0004], 0xe9e2c8, false),
  ],
  { density: 520, box: [0.06, 0.04, 0.04], bottom: 0.02, graspPeriod: Math.PI, graspHeight: 0.002 },
)

export const toyCar = thing(
  'toy_car',
  [
    block([0, 0, 0.018], [0.045, 0.02, 0.012], 0xd9622b),
    block([-0.005, 0, 0.038], [0.022, 0.017, 0.008], 0xf0d9b0),
    ...[-0.028, 0.028].flatMap((x) =>
      [-0.019, 0.019].map(
        (y): Part => ({
          shape: { kind: 'cylinder', radius: 0.01, halfHeight: 0.004 },
          pose: { position: [x, y, 0.01], rotation: [Math.SQRT1_2, 0, 0, Math.SQRT1_2] },
          color: 0x222428,
        }),
      ),
    ),
  ],
  { density: 500, box: [0.09, 0.046, 0.046], bottom: 0, graspPeriod: Math.PI, graspHeight: 0, fixed: true },
)

/** Standing, 7.5 cm. */
export const can = thing(
  'can',
  [
    disc(0.021, 0.002, 0.073, 0xb83a32),
    disc(0.019, 0, 0.002, 0xc9ced3),
    disc(0.0185, 0.073, 0.075, 0xc9ced3),
  ],
  { density: 290, box: [0.042, 0.042, 0.075], bottom: 0, graspPeriod: TURN, graspHeight: 0.012 },
)

/** Of the basket: inner half extents, wall thickness and height, thickness of the floor, m. */
export const BASKET = { x: 0.075, y: 0.055, wall: 0.006, height: 0.06, floor: 0.004 } as const

function tray(x: number, y: number, wall: number, height: number, floor: number, color: number): Part[] {
  const [rise, middle] = [height / 2, wall / 2]
  return [
    block([0, 0, floor / 2], [x + wall, y + wall, floor / 2], color),
    block([x + middle, 0, rise], [middle, y + wall, rise], color),
    block([-x - middle, 0, rise], [middle, y + wall, rise], color),
    block([0, y + middle, rise], [x, middle, rise], color),
    block([0, -y - middle, rise], [x, middle, rise], color),
  ].map((part) => ({ ...part, texture: 'weave' }))
}

export const basket = thing(
  'basket',
  tray(BASKET.x, BASKET.y, BASKET.wall, BASKET.height, BASKET.floor, 0xb98a4e),
  { density: 700, box: [0.162, 0.122, 0.06], bottom: 0, graspPeriod: Math.PI, graspHeight: 0 },
)

/** Standing; its frame is 4.5 cm above its foot, as where the height of RoboTwin's bottles is read. */
const LOW = -0.045
export const bottle = thing(
  'bottle',
  [
    disc(0.024, LOW, LOW + 0.075, 0x2d8f7b),
    disc(0.012, LOW + 0.075, LOW + 0.1, 0x2d8f7b),
    disc(0.014, LOW + 0.1, LOW + 0.11, 0xeeeeee),
  ],
  { density: 340, box: [0.048, 0.048, 0.11], bottom: 0.045, graspPeriod: TURN, graspHeight: 0.012 },
)

/** Head at the origin, handle along -y. */
export const HAMMER_GRIP = 0.085
export const hammer = thing(
  'hammer',
  [block([0, 0, 0], [0.035, 0.018, 0.018], 0x5b6068), block([0, -0.078, 0], [0.009, 0.06, 0.011], 0xd2a24c)],
  { density: 300, box: [0.07, 0.276, 0.036], bottom: 0.018, graspPeriod: Math.PI, graspHeight: 0 },
)

export const cube = thing('block', [block([0, 0, 0], [0.025, 0.025, 0.025], 0xc8322b)], {
  density: 1000,
  box: [0.05, 0.05, 0.05],
  bottom: 0.025,
  graspPeriod: Math.PI / 2,
  graspHeight: 0,
})

export const pillBottle = thing(
  'pill_bottle',
  [disc(0.02, 0, 0.05, 0xe07b28), disc(0.021, 0.05, 0.064, 0xf2f2f2)],
  { density: 600, box: [0.042, 0.042, 0.064], bottom: 0, graspPeriod: TURN, graspHeight: 0.008 },
)

export const bread = thing(
  'bread',
  [
    block([0, 0, -0.003], [0.034, 0.02, 0.013], 0xc98b45),
    { ...rod(0, 0.0185, 0.0338, 0xd9a057), collides: false },
  ],
  { density: 700, box: [0.068, 0.04, 0.0345], bottom: 0.016, graspPeriod: Math.PI, graspHeight: 0.002 },
)

export const BREAD_BASKET_HEIGHT = 0.03
export const breadBasket = thing(
  'bread_basket',
  tray(0.08, 0.065, 0.006, BREAD_BASKET_HEIGHT, 0.004, 0x9c6b3a),
  {
    density: 800,
    box: [0.172, 0.142, BREAD_BASKET_HEIGHT],
    bottom: 0,
    graspPeriod: Math.PI,
    graspHeight: 0,
  },
)

export const cup = thing('cup', [disc(0.024, 0, 0.05, 0x4f86c6), disc(0.02, 0.05, 0.0505, 0x22384f, false)], {
  density: 300,
  box: [0.048, 0.048, 0.05],
  bottom: 0,
  graspPeriod: TURN,
  graspHeight: 0.006,
})

export const PLATE_HEIGHT = 0.01
export const plate = thing(
  'plate',
  [
    disc(0.045, 0, 0.004, 0xe8e4da),
    disc(0.075, 0.004, PLATE_HEIGHT, 0xe8e4da),
    disc(0.05, PLATE_HEIGHT, 0.0105, 0xb9cdd6, false),
  ],
  { density: 600, box: [0.15, 0.15, PLATE_HEIGHT], bottom: 0, graspPeriod: TURN, graspHeight: 0 },
)

/** Where a stapler is pressed: on its arm, in its frame, m. */
export const STAPLER_PRESS: Vec3 = [0.025, 0, 0.045]
export const stapler = thing(
  'stapler',
  [
    block([0, 0, 0.006], [0.065, 0.018, 0.006], 0x2f3338),
    block([-0.045, 0, 0.022], [0.015, 0.014, 0.01], 0x2f3338),
    block([0.005, 0, 0.0385], [0.06, 0.016, 0.0065], 0xb3362e),
  ],
  { density: 3000, box: [0.13, 0.036, 0.045], bottom: 0, graspPeriod: TURN, graspHeight: 0 },
)
