import type { Body, Part, Vec3 } from '../geometry.js'
import type { Lost } from '../scenes/lost.js'
import type { Area } from '../scenes/scene.js'
import { CABINET, CABINET_TOP, cabinetBody } from './cabinet.js'

/** A body of the room, and where it stands in the world. */
export interface RoomBody {
  readonly body: Body
  readonly position: Vec3
}

/** The surroundings of some tasks. World frame, metres. */
export interface GoogleSceneSpec {
  readonly id: string
  readonly room: readonly RoomBody[]
  /** The cabinet with drawers stands here too. */
  readonly drawers: boolean
  /** Where objects may be placed. */
  readonly area: Area
  readonly lost: Lost
}

/** World height of the table top, m (`scene_table_height`, ManiSkill2_real2sim envs/custom_scenes/base_env.py). */
export const TABLE_TOP = 0.87
const TABLE_HALF: Vec3 = [0.33, 0.75, 0.03]
const TABLE_CENTER: Vec3 = [-0.32, 0.2, TABLE_TOP - TABLE_HALF[2]]

function seen(name: string, half: Vec3, color: number, texture?: Part['texture']): Body {
  return { name, parts: [{ shape: { kind: 'box', halfExtents: half }, color, texture, collides: false }] }
}

const floor: RoomBody = {
  body: seen('floor', [3, 3, 0.01], 0x8d8a84),
  position: [-0.5, 0, -0.01],
}
const wall: RoomBody = {
  body: seen('wall', [0.01, 3, 1.5], 0xc9c4ba),
  position: [-1.1, 0, 1.5],
}

export const tableScene: GoogleSceneSpec = {
  id: 'google-table',
  room: [
    {
      body: {
        name: 'table',
        parts: [{ shape: { kind: 'box', halfExtents: TABLE_HALF }, color: 0xa7865a, texture: 'wood' }],
      },
      position: TABLE_CENTER,
    },
    { body: seen('counter_front', [0.3, 0.72, 0.4], 0xd8d5ce), position: [-0.33, 0.2, 0.41] },
    floor,
    wall,
  ],
  drawers: false,
  area: {
    name: 'table',
    x: [TABLE_CENTER[0] - TABLE_HALF[0], TABLE_CENTER[0] + TABLE_HALF[0]],
    y: [TABLE_CENTER[1] - TABLE_HALF[1], TABLE_CENTER[1] + TABLE_HALF[1]],
    z: TABLE_TOP,
  },
  lost: { below: TABLE_TOP - 0.05, how: 'fell off the table' },
}

export const drawerScene: GoogleSceneSpec = {
  id: 'google-drawers',
  room: [{ body: cabinetBody, position: CABINET }, floor, wall],
  drawers: true,
  area: {
    name: 'cabinet top',
    x: [CABINET[0] - 0.315, CABINET[0] + 0.315],
    y: [-0.3075, 0.3075],
    z: CABINET_TOP,
  },
  lost: { below: 0.02, how: 'fell on the floor' },
}
