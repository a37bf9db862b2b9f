import { sinkCamera } from '../cameras/index.js'
import type { Body, Part, Vec3 } from '../geometry.js'
import type { SceneSpec } from './scene.js'

/** World height of the right basin's floor and of the basket's, m. */
export const BASIN_FLOOR = 0.922
export const BASKET_FLOOR = 0.931
const COUNTER_TOP = 0.8495
const RIM = 0.99
const DIVIDER = 0.975
const BASKET_RIM = 0.98

const STEEL = 0xb4bac2
const STEEL_DARK = 0x9aa1aa
const YELLOW = 0xf0c419
const WOOD = 0xb08a5c

type Range = readonly [min: number, max: number]

/** Box that fills ranges of x, y and z of the world. */
function block(x: Range, y: Range, z: Range, color: number, texture?: Part['texture']): Part {
  const middle = (r: Range) => (r[0] + r[1]) / 2
  const half = (r: Range) => (r[1] - r[0]) / 2
  return {
    shape: { kind: 'box', halfExtents: [half(x), half(y), half(z)] },
    pose: { position: [middle(x), middle(y), middle(z)], rotation: [0, 0, 0, 1] },
    color,
    texture,
  }
}

const X: Range = [-0.297, -0.022]
const Y: Range = [-0.074, 0.326]
const INNER_X: Range = [-0.277, -0.04]
const LEFT_Y: Range = [-0.056, 0.1]
const RIGHT_Y: Range = [0.114, 0.308]
const WALL: Range = [BASIN_FLOOR, RIM]

/** Two basins in one block that stands on the counter: floor, outer walls, divider. */
const sinkBody: Body = {
  name: 'sink',
  parts: [
    block(X, Y, [COUNTER_TOP, BASIN_FLOOR], STEEL_DARK, 'brushed'),
    block([X[0], INNER_X[0]], Y, WALL, STEEL, 'brushed'),
    block([INNER_X[1], X[1]], Y, WALL, STEEL, 'brushed'),
    block(INNER_X, [Y[0], LEFT_Y[0]], WALL, STEEL, 'brushed'),
    block(INNER_X, [LEFT_Y[1], RIGHT_Y[0]], [BASIN_FLOOR, DIVIDER], STEEL, 'brushed'),
    block(INNER_X, [RIGHT_Y[1], Y[1]], WALL, STEEL, 'brushed'),
  ],
}

const BASKET_X: Range = [-0.191, -0.059]
const BASKET_Y: Range = [-0.018, 0.082]
const THICK = 0.006
const outer = ([min, max]: Range): Range => [min - THICK, max + THICK]

/** The yellow basket in the left basin. */
const basketBody: Body = {
  name: 'basket',
  parts: [
    block(outer(BASKET_X), outer(BASKET_Y), [BASIN_FLOOR, BASKET_FLOOR], YELLOW, 'weave'),
    ...[
      [[outer(BASKET_X)[0], BASKET_X[0]], outer(BASKET_Y)] as const,
      [[BASKET_X[1], outer(BASKET_X)[1]], outer(BASKET_Y)] as const,
      [BASKET_X, [outer(BASKET_Y)[0], BASKET_Y[0]]] as const,
      [BASKET_X, [BASKET_Y[1], outer(BASKET_Y)[1]]] as const,
    ].map(([x, y]) => block(x, y, [BASKET_FLOOR, BASKET_RIM], YELLOW, 'weave')),
  ],
}

const counterBody: Body = {
  name: 'counter',
  parts: [block([-0.52, 0.32], [-0.39, 0.51], [COUNTER_TOP - 0.06, COUNTER_TOP], WOOD, 'wood')],
}

const ORIGIN: Vec3 = [0, 0, 0]

/**
 * SimplerEnv's sink scene of the WidowX (ManiSkill2_real2sim put_on_in_scene.py): outer bounds, floors and the
 * basket's place are those of the original's meshes, the pieces our own.
 */
export const sink: SceneSpec = {
  id: 'sink',
  furniture: [
    { body: counterBody, position: ORIGIN },
    { body: sinkBody, position: ORIGIN },
    { body: basketBody, position: ORIGIN },
  ],
  surface: BASIN_FLOOR,
  areas: [
    { name: 'basket', x: BASKET_X, y: BASKET_Y, z: BASKET_FLOOR },
    { name: 'right basin', x: INNER_X, y: RIGHT_Y, z: BASIN_FLOOR },
  ],
  lost: { below: BASIN_FLOOR - 0.03, how: 'fell out of the sink' },
  camera: sinkCamera,
  mount: {
    basePosition: [0.127, 0.06, 0.85],
    baseYaw: Math.PI,
    qpos: [-0.2600599, -0.12875618, 0.04461369, -0.00652761, 1.7033415, -0.26983038],
    floor: COUNTER_TOP - 0.06,
  },
}
