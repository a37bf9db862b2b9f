import type { Body } from '../geometry.js'
import { TABLE_TOP } from './alohaArms.js'

/** Our own table of 1.3 x 1 m. */
export const tableBody: Body = {
  name: 'table',
  parts: [
    {
      shape: { kind: 'box', halfExtents: [0.65, 0.5, 0.03] },
      pose: { position: [0, 0, TABLE_TOP - 0.03], rotation: [0, 0, 0, 1] },
      color: 0xd9d4c8,
      texture: 'grain',
    },
  ],
}
