import type { Body, Part, Pose, Quat, Vec3 } from '../../../envs/geometry.js'
import { SceneGraph } from '../../../envs/renderer/index.js'

/** Height of the table top, m. */
export const tableTop = 0.8695

export const upright: Quat = [0, 0, 0, 1]

export const box = (halfExtents: Vec3, color: number, extra: Partial<Part> = {}): Part => ({
  shape: { kind: 'box', halfExtents },
  color,
  ...extra,
})

/** Quaternion of a rotation about a unit axis. */
export function turned(axis: Vec3, angle: number): Quat {
  const s = Math.sin(angle / 2)
  return [axis[0] * s, axis[1] * s, axis[2] * s, Math.cos(angle / 2)]
}

export const table: Body = {
  name: 'table',
  parts: [box([0.4, 0.4, 0.02], 0xb08a60, { texture: 'wood' })],
}

export const cube = (name: string, color: number): Body => ({
  name,
  parts: [box([0.015, 0.015, 0.015], color)],
})

/** A frustum: a plate. */
function plateHull(): Float32Array {
  const points: number[] = []
  for (let i = 0; i < 20; i++) {
    const angle = (2 * Math.PI * i) / 20
    for (const [radius, z] of [
      [0.03, 0],
      [0.055, 0.006],
    ])
      points.push(radius * Math.cos(angle), radius * Math.sin(angle), z)
  }
  return Float32Array.from(points)
}

/** A carrot: rings of points along x. */
function carrotHull(): Float32Array {
  const points: number[] = []
  for (const [x, radius] of [
    [-0.057, 0.006],
    [-0.02, 0.013],
    [0.03, 0.017],
    [0.055, 0.01],
  ])
    for (let i = 0; i < 8; i++)
      points.push(x, radius * Math.cos((Math.PI * i) / 4), radius * Math.sin((Math.PI * i) / 4))
  return Float32Array.from(points)
}

const dark = 0x24262b
const metal = 0x6d7177

/** Links of a robot-like arm: half extents, centre, rotation, in the world. */
const links: readonly [name: string, part: Part, pose: Pose][] = [
  [
    'shoulder',
    { shape: { kind: 'cylinder', radius: 0.05, halfHeight: 0.03 }, color: dark },
    at(0.147, 0.03, 0.95),
  ],
  ['upper_arm', box([0.03, 0.045, 0.14], dark), at(0.11, 0.03, 1.08, turned([0, 1, 0], -0.3))],
  ['elbow', { shape: { kind: 'sphere', radius: 0.035 }, color: metal }, at(0.06, 0.03, 1.21)],
  ['forearm', box([0.09, 0.022, 0.022], dark), at(-0.02, 0.032, 1.19, turned([0, 1, 0], -0.25))],
  ['wrist', box([0.034, 0.022, 0.026], metal), at(-0.12, 0.034, 1.15, turned([0, 1, 0], -0.9))],
  ['gripper', box([0.02, 0.02, 0.03], dark), at(-0.14, 0.034, 1.1)],
  ['gripper_bar', box([0.02, 0.052, 0.014], metal), at(-0.144, 0.034, 1.06)],
  ['left_finger', box([0.0145, 0.005, 0.027], dark), at(-0.145, 0.064, 1.02)],
  ['right_finger', box([0.0145, 0.005, 0.027], dark), at(-0.145, 0.004, 1.02)],
]

function at(x: number, y: number, z: number, rotation: Quat = upright): Pose {
  return { position: [x, y, z], rotation }
}

/** A table with a cloth, a plate, cubes, cans and balls under a robot-like arm: 26 bodies, about 600 triangles. */
export function demoScene(): SceneGraph {
  const objects: [Body, Pose][] = [
    [table, at(-0.1, 0.1, tableTop - 0.02)],
    [cube('green_cube', 0x3aa34a), at(-0.16, 0.075, tableTop + 0.015, turned([0, 0, 1], 0.4))],
    [cube('yellow_cube', 0xe8c53a), at(-0.085, 0.045, tableTop + 0.015)],
    [
      { name: 'plate', parts: [{ shape: { kind: 'hull', vertices: plateHull() }, color: 0xe9e6df }] },
      at(-0.21, -0.06, tableTop),
    ],
    [
      { name: 'carrot', parts: [{ shape: { kind: 'hull', vertices: carrotHull() }, color: 0xe8742c }] },
      at(-0.24, 0.07, tableTop + 0.016, turned([0, 0, 1], 1.1)),
    ],
    [
      { name: 'cloth', parts: [box([0.05, 0.05, 0.003], 0x4466bb, { texture: 'cloth' })] },
      at(-0.09, -0.06, tableTop + 0.003),
    ],
    [
      { name: 'board', parts: [box([0.03, 0.03, 0.004], 0xffffff, { texture: 'checker' })] },
      at(-0.3, 0.02, tableTop + 0.004),
    ],
  ]
  for (let i = 0; i < 5; i++)
    objects.push(
      [
        {
          name: `can_${i}`,
          parts: [
            { shape: { kind: 'cylinder', radius: 0.012, halfHeight: 0.02 }, color: 0xc03040 + 0x0a0a * i },
          ],
        },
        at(-0.32 + 0.03 * i, 0.17 - 0.01 * i, tableTop + 0.02),
      ],
      [cube(`cube_${i}`, 0x5060d0), at(-0.33 + 0.035 * i, -0.13, tableTop + 0.015, turned([0, 0, 1], i))],
    )
  const placed: [Body, Pose][] = [
    ...objects,
    ...links.map(([name, part, pose]): [Body, Pose] => [{ name, parts: [part] }, pose]),
  ]
  const graph = new SceneGraph(placed.map(([body]) => body))
  for (const [{ name }, { position, rotation }] of placed) graph.setPose(name, position, rotation)
  return graph
}
