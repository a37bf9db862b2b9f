import type { Appearance, ObjectLook } from '../../appearance/index.js'
import type { HeadPose } from '../../cameras/index.js'
import type { Lighting } from '../../renderer/lighting.js'
import { googleRobotArm } from '../googleRobotArm.js'

const shell: readonly string[] = [
  ...googleRobotArm.links.map(({ name }) => name),
  ...googleRobotArm.gripper.fingers.map(({ name }) => name),
]

function arm(look: ObjectLook): Appearance {
  return { objects: Object.fromEntries(shell.map((name) => [name, look])) }
}

/** What the layouts of a protocol differ in beside where things are. */
export interface Variant {
  readonly name: string
  readonly look: Appearance
  readonly head?: HeadPose
  /** Other objects on the table; absent: as many as the task has by itself. */
  readonly distractors?: 'none' | 'few' | 'many'
}

/** Of SimplerEnv's tabletop scenes (ManiSkill2_real2sim move_near_in_scene.py `_setup_lighting`). */
const brighter: Lighting = {
  ambient: 0.3,
  sun: 3.6,
  sides: [
    { direction: [-1, -0.5, -1], intensity: 1.3 },
    { direction: [1, 1, -1], intensity: 1.3 },
  ],
  tint: [1, 1, 1],
}
const darker: Lighting = {
  ambient: 0.3,
  sun: 0.8,
  sides: [
    { direction: [1, 1, -1], intensity: 0.8 },
    { direction: [-1, -0.5, -1], intensity: 0 },
  ],
  tint: [1, 1, 1],
}

/** Nothing differs. */
export const base: Variant = { name: 'base', look: {} }

/** Arm colours of the visual-matching protocol: the robot's own and three others, where SimplerEnv has four URDF files. */
export const armVariants: readonly Variant[] = [
  {},
  arm({ hue: 0, chroma: 1, lightness: 0.8 }),
  arm({ hue: 0, chroma: 1, lightness: 1.12 }),
  arm({ hue: 0, chroma: 1, lightness: 0.62 }),
].map((look, i) => ({ name: `arm-${i}`, look }))

const lights: readonly Variant[] = [
  { name: 'brighter', look: { light: brighter } },
  { name: 'darker', look: { light: darker } },
]

function room(name: string, wall: ObjectLook, floor: ObjectLook): Variant {
  return { name, look: { objects: { wall, floor } } }
}

const rooms: readonly Variant[] = [
  room(
    'background-1',
    { hue: 2.6, chroma: 4, lightness: 0.75 },
    { hue: 0, chroma: 2, lightness: 0.7, texture: 'herringbone' },
  ),
  room(
    'background-2',
    { hue: -1.2, chroma: 3, lightness: 0.6, texture: 'stripes' },
    { hue: 1.5, chroma: 3, lightness: 1.2, texture: 'tiles' },
  ),
]

const tables: readonly Variant[] = [
  { name: 'table-1', look: { table: { look: 3, shift: [0, 0] } } },
  { name: 'table-2', look: { table: { look: 1004, shift: [0, 0] } } },
]

function cabinet(name: string, look: ObjectLook): Variant {
  const names = ['cabinet', 'top_drawer', 'middle_drawer', 'bottom_drawer']
  return { name, look: { objects: Object.fromEntries(names.map((body) => [body, look])) } }
}

const cabinets: readonly Variant[] = [
  cabinet('cabinet-1', { hue: 0.6, chroma: 5, lightness: 0.7, texture: 'wood' }),
  cabinet('cabinet-2', { hue: -2, chroma: 3, lightness: 0.9 }),
]

/** The published variants: base, backgrounds, lighting, distractors and table textures, 9; camera poses are apart. */
export const pickVariants: readonly Variant[] = [
  { ...base, distractors: 'none' },
  ...rooms.map((variant): Variant => ({ ...variant, distractors: 'none' })),
  ...lights.map((variant): Variant => ({ ...variant, distractors: 'none' })),
  { name: 'distractors-few', look: {}, distractors: 'few' },
  { name: 'distractors-many', look: {}, distractors: 'many' },
  ...tables.map((variant): Variant => ({ ...variant, distractors: 'none' })),
]

/** 8: the base has the third object of the triplet, `no-distractor` has not. */
export const nearVariants: readonly Variant[] = [
  base,
  { name: 'no-distractor', look: {}, distractors: 'none' },
  ...rooms,
  ...lights,
  ...tables,
]

/** 7. */
export const drawerVariants: readonly Variant[] = [base, ...rooms, ...lights, ...cabinets]
