import type { Part } from '../../geometry.js'
import { OBJECT_FRICTION, type ObjectSpec } from '../../scenes/objectSpec.js'
import { disc } from '../../scenes/objects.js'

/** Height of a button's cap above the table, m, and how far it goes down until it counts as pressed. */
export const BUTTON_TOP = 0.022
export const BUTTON_TRAVEL = 0.003
const BUTTON_BASE = 0.012

/** A cap that fingers go into, on a base that they do not. */
function button(name: string, color: number): ObjectSpec {
  return {
    name,
    body: {
      name,
      parts: [disc(0.03, 0, BUTTON_BASE, 0x5c6166), disc(0.02, BUTTON_BASE, BUTTON_TOP, color, false)],
    },
    density: 1500,
    friction: OBJECT_FRICTION,
    box: [0.06, 0.06, BUTTON_TOP],
    bottom: 0,
    footprint: 0.03,
    graspPeriod: 2 * Math.PI,
    graspHeight: 0,
  }
}

export const redButton = button('red_button', 0xd63a2f)
export const blueButton = button('blue_button', 0x2f6fd6)

const PAD_HALF = 0.04

/** A flat square of 8 cm. */
export const pad: ObjectSpec = {
  name: 'pad',
  body: {
    name: 'pad',
    parts: [
      {
        shape: { kind: 'box', halfExtents: [PAD_HALF, PAD_HALF, 0.003] },
        pose: { position: [0, 0, 0.003], rotation: [0, 0, 0, 1] },
        color: 0x3b6db0,
      },
    ],
  },
  density: 1000,
  friction: OBJECT_FRICTION,
  box: [2 * PAD_HALF, 2 * PAD_HALF, 0.006],
  bottom: 0,
  footprint: 0.057,
  graspPeriod: Math.PI / 2,
  graspHeight: 0.003,
}

export const CAN_RADIUS = 0.018
const CAN_HALF = 0.03
const LYING = [0, Math.SQRT1_2, 0, Math.SQRT1_2] as const

function ring(x: number, halfHeight: number, radius: number, color: number, collides: boolean): Part {
  return {
    shape: { kind: 'cylinder', radius, halfHeight },
    pose: { position: [x, 0, 0], rotation: LYING },
    color,
    collides,
  }
}

/** A can of 24 g that lies on its side, axis along x: it rolls along y. */
export const can: ObjectSpec = {
  name: 'can',
  body: {
    name: 'can',
    parts: [
      ring(0, CAN_HALF, CAN_RADIUS, 0xc0392b, true),
      ring(-CAN_HALF, 0.001, CAN_RADIUS - 0.002, 0xd3d8dd, false),
      ring(CAN_HALF, 0.001, CAN_RADIUS - 0.002, 0xd3d8dd, false),
    ],
  },
  density: 400,
  friction: OBJECT_FRICTION,
  // The success test turns this box with the can, which may have rolled: a line along its axis stays the same.
  box: [2 * CAN_HALF, 0, 0],
  bottom: CAN_RADIUS,
  footprint: 0.035,
  graspPeriod: Math.PI,
  graspHeight: 0.005,
}

const SLIDER_HALF = 0.015
const SOLE_HALF = 0.001
/** Of the sole on whatever it slides on, as of PTFE on a polished face. */
export const SOLE_FRICTION = 0.05

/** A cube of 27 g with a smooth sole, its first part. */
export const slidingBlock: ObjectSpec = {
  name: 'sliding_block',
  body: {
    name: 'sliding_block',
    parts: [
      {
        shape: { kind: 'box', halfExtents: [SLIDER_HALF, SLIDER_HALF, SOLE_HALF] },
        pose: { position: [0, 0, SOLE_HALF - SLIDER_HALF], rotation: [0, 0, 0, 1] },
        color: 0xe9ecef,
      },
      {
        shape: { kind: 'box', halfExtents: [SLIDER_HALF, SLIDER_HALF, SLIDER_HALF - SOLE_HALF] },
        pose: { position: [0, 0, SOLE_HALF], rotation: [0, 0, 0, 1] },
        color: 0x2f9e44,
      },
    ],
  },
  density: 1000,
  friction: OBJECT_FRICTION,
  box: [2 * SLIDER_HALF, 2 * SLIDER_HALF, 2 * SLIDER_HALF],
  bottom: SLIDER_HALF,
  footprint: 0.0213,
  graspPeriod: Math.PI / 2,
  graspHeight: 0.006,
}

/** Where the belt lies: its middle line, and how far it reaches along y, world frame, m. */
export const BELT_X = -0.16
export const BELT_HALF_LENGTH = 0.36
export const BELT_HALF_WIDTH = 0.03
export const BELT_TOP = 0.003

/** A conveyor belt along y, as thin as the fingers' gap to the table. */
export const belt: ObjectSpec = {
  name: 'belt',
  body: {
    name: 'belt',
    parts: [
      {
        shape: { kind: 'box', halfExtents: [BELT_HALF_WIDTH, BELT_HALF_LENGTH, BELT_TOP / 2] },
        pose: { position: [0, 0, BELT_TOP / 2], rotation: [0, 0, 0, 1] },
        color: 0x3a3d42,
        texture: 'grain',
      },
    ],
  },
  density: 1000,
  friction: 0.8,
  box: [2 * BELT_HALF_WIDTH, 2 * BELT_HALF_LENGTH, BELT_TOP],
  bottom: 0,
  footprint: 0,
  graspPeriod: Math.PI,
  graspHeight: 0,
  fixed: true,
}
