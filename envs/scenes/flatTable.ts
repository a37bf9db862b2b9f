import { flatTableCamera } from '../cameras/index.js'
import type { Body } from '../geometry.js'
import type { SceneSpec } from './scene.js'

/** World height of the table top, m; derived from ManiSkill3's spawn heights. */
export const TABLE_TOP = 0.8695
const TABLE_HALF = [0.42, 0.45, 0.03] as const

export const tableBody: Body = {
  name: 'table',
  parts: [{ shape: { kind: 'box', halfExtents: TABLE_HALF }, color: 0xb08a5c, texture: 'wood' }],
}

/** SimplerEnv's flat-table scene of the WidowX (ManiSkill2_real2sim put_on_in_scene.py, base_env.py). */
export const flatTable: SceneSpec = {
  id: 'flat-table',
  furniture: [{ body: tableBody, position: [-0.08, 0.02, TABLE_TOP - TABLE_HALF[2]] }],
  surface: TABLE_TOP,
  areas: [{ name: 'table', x: [-0.5, 0.06], y: [-0.43, 0.47], z: TABLE_TOP }],
  lost: { below: TABLE_TOP - 0.03, how: 'fell off the table' },
  camera: flatTableCamera,
  mount: {
    basePosition: [0.147, 0.028, 0.87],
    baseYaw: Math.PI,
    qpos: [-0.01840777, 0.0398835, 0.22242722, -0.00460194, 1.36524296, 0.00153398],
    floor: TABLE_TOP,
  },
}
