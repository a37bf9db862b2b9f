import { beforeAll, describe, expect, it } from 'vitest'
import { initPhysics } from '../../../envs/index.js'
import {
  findGraspable,
  findReceptacle,
  graspables,
  receptacles,
  splits,
} from '../../../envs/objects/index.js'
import { widowx250s } from '../../../envs/robots/widowx250s.js'
import { flatTable } from '../../../envs/scenes/flatTable.js'
import { Scene } from '../../../envs/scenes/scene.js'
import { tasks } from '../../../envs/tasks/registry.js'

beforeAll(initPhysics)

const lists = [graspables, receptacles]
/** Angle between a body's z axis and the vertical, rad. */
const tilt = ([x, y]: ArrayLike<number> & Iterable<number>) => Math.acos(1 - 2 * (x * x + y * y))
const all = lists.flatMap((list) => splits.flatMap((split) => list[split]))

describe('the split', () => {
  it('has at least 16 graspable things and 8 receptacles on either side, each with a name of its own', () => {
    for (const split of splits) {
      expect(graspables[split].length).toBeGreaterThanOrEqual(16)
      expect(receptacles[split].length).toBeGreaterThanOrEqual(8)
    }
    expect(new Set(all.map(({ words }) => words)).size).toBe(all.length)
    expect(new Set(all.map(({ spec }) => spec.name)).size).toBe(all.length)
    expect(new Set(all.map(({ spec }) => spec)).size).toBe(all.length)
  })

  it('has nothing unseen that looks like a thing of training: no part of one colour and form is in both', () => {
    const forms = (split: (typeof splits)[number]) =>
      new Set(
        lists.flatMap((list) => list[split]).map(({ spec }) => JSON.stringify([spec.box, spec.body.parts])),
      )
    const unseen = forms('unseen')
    for (const form of forms('train')) expect(unseen.has(form)).toBe(false)
  })

  it("has the things of SimplerEnv's tasks on the side of training", () => {
    const train = lists.flatMap((list) => list.train).map(({ spec }) => spec)
    for (const { source, target } of tasks.values()) {
      expect(train).toContain(source)
      if (!target.fixed) expect(train).toContain(target)
    }
  })

  it('finds things by their words', () => {
    expect(findGraspable('apple')).toBe(graspables.train.find(({ words }) => words === 'apple'))
    expect(findReceptacle('blue bowl').spec.name).toBe('blue_bowl')
  })
})

describe('every thing', () => {
  /** Set down alone: how far its origin moves in a second, m, and how far it tips, rad; and its mass, kg. */
  function rest(spec: (typeof all)[number]['spec']) {
    const scene = new Scene(flatTable, widowx250s, [spec])
    scene.reset()
    scene.place(0, -0.16, 0, 0)
    const before = scene.objectPose(0, new Float64Array(7))
    scene.settle()
    const after = scene.objectPose(0, new Float64Array(7))
    const center = scene.objectCenter(0, new Float64Array(3))
    scene.close()
    const moved = Math.hypot(after[0] - before[0], after[1] - before[1])
    return { moved, tipped: tilt(after.subarray(3)), height: center[2] - flatTable.surface }
  }

  it.each(all.map((each) => [each.words, each] as const))('%s lies still where it is put', (_, { spec }) => {
    const { moved, tipped, height } = rest(spec)
    expect(moved).toBeLessThan(0.002)
    // The spoon comes to rest on the front of its bowl, tilted by 1.2 degrees.
    expect(tipped).toBeLessThan(0.03)
    expect(height).toBeGreaterThan(0)
    expect(height).toBeLessThan(spec.box[2])
  })

  it.each(graspables.train.concat(graspables.unseen).map((each) => [each.words, each.spec] as const))(
    '%s fits between the open fingers and is high enough for them',
    (_, { box }) => {
      // Open fingers leave 74 mm; the tips end 18.5 mm below the tool centre, which stays above the table.
      expect(Math.min(box[0], box[1])).toBeLessThan(0.055)
      expect(box[2]).toBeGreaterThanOrEqual(0.016)
    },
  )
})
