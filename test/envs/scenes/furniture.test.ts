import { describe, expect, it } from 'vitest'
import type { Part } from '../../../envs/geometry.js'
import { flatTable } from '../../../envs/scenes/flatTable.js'
import { wallsOf } from '../../../envs/scenes/furniture.js'
import { sink } from '../../../envs/scenes/sink.js'

const box: Part = { shape: { kind: 'box', halfExtents: [0.1, 0.2, 0.3] }, color: 0 }
const at = (part: Partial<Part>) => [
  { body: { name: 'shelf', parts: [{ ...box, ...part }] }, position: [1, 2, 3] as const },
]

describe('walls', () => {
  it('are the boxes of furniture that rise above the floor, in the world', () => {
    expect(wallsOf(at({}), 3.2)).toEqual([{ center: [1, 2, 3], half: [0.1, 0.2, 0.3] }])
    expect(wallsOf(at({}), 3.3)).toEqual([])
    expect(wallsOf(at({ collides: false }), 0)).toEqual([])
    const [wall] = wallsOf(at({ pose: { position: [0, 0, 0.5], rotation: [0, 0, 0, -1] } }), 3.2)
    expect(wall.center).toEqual([1, 2, 3.5])
  })

  it('are none on the flat table, and counter, sink and basket at the sink', () => {
    expect(wallsOf(flatTable.furniture, flatTable.mount.floor)).toEqual([])
    const walls = wallsOf(sink.furniture, sink.mount.floor)
    expect(walls.length).toBe(1 + 6 + 5)
    expect(Math.max(...walls.map(({ center, half }) => center[2] + half[2]))).toBeCloseTo(0.99, 9)
  })

  it('must be upright boxes', () => {
    const turned: Part['pose'] = { position: [0, 0, 0], rotation: [0, 0, Math.sin(0.1), Math.cos(0.1)] }
    expect(() => wallsOf(at({ pose: turned }), 0)).toThrow(
      /furniture 'shelf', part 0: .* box along the world's axes/,
    )
    const drum: Part['shape'] = { kind: 'cylinder', radius: 0.1, halfHeight: 0.1 }
    expect(() => wallsOf(at({ shape: drum }), 0)).toThrow(/part 0/)
    expect(wallsOf(at({ shape: drum }), 3.2)).toEqual([])
  })
})
