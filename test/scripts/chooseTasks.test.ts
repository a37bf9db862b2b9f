import { describe, expect, it } from 'vitest'
import { suites } from '../../envs/index.js'
import { chooseTasks } from '../../scripts/options.js'

const suite = suites.get('simpler-widowx')!

describe('--task', () => {
  it('chooses tasks in the order of the suite, each once, or all of them', () => {
    const [stack, carrot] = suite.tasks
    expect(chooseTasks(suite, [carrot, stack, carrot])).toEqual([stack, carrot])
    expect(chooseTasks(suite)).toEqual(suite.tasks)
  })

  it('refuses a task of another suite, and says which are near', () => {
    expect(() => chooseTasks(suite, [suite.tasks[0], 'widowx_carrot_on_plat'])).toThrow(
      /simpler-widowx.*widowx_carrot_on_plate/,
    )
  })
})
