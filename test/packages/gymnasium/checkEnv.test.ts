import { Box, checkEnv, type Env, type RenderFrame, TimeLimit, UserError } from '@vla-gym/gymnasium'
import { describe, expect, it } from 'vitest'
import { CartPole } from './cartPole.js'
import { Reach } from './reach.js'

type Step = ReturnType<CartPole['step']>
type Reset = ReturnType<CartPole['reset']>

/** A cart-pole of which one method is replaced; `good` calls the original. */
function broken(
  change: (env: CartPole, good: CartPole) => Record<string, unknown>,
): Env<Float32Array, number> {
  const env = new CartPole()
  const good = new CartPole()
  return Object.assign(env, change(env, good))
}

const changedStep = (map: (step: Step) => unknown) =>
  broken((_, good) => ({
    reset: (options: object) => good.reset(options),
    step: (action: number) => map(good.step(action)),
  }))
const changedReset = (map: (reset: Reset) => unknown) =>
  broken((_, good) => ({
    reset: (options: object) => map(good.reset(options)),
    step: (action: number) => good.step(action),
  }))

describe('checkEnv', () => {
  it('passes sound environments, wrapped or not, with lazy observations too', () => {
    checkEnv(new CartPole())
    checkEnv(new TimeLimit(new Reach(), 5))
  })

  let calls = 0
  const cases: [string, Env<Float32Array, number>, string][] = [
    [
      'an unseeded reset',
      changedReset(([o, i]) => [o.map(() => Math.random()), i]),
      'different first observations',
    ],
    ['a reset without info', changedReset(([o]) => o), 'reset() must return [observation, info]'],
    ['an info that is a list', changedReset(([o]) => [o, []]), 'info must be an object'],
    [
      'a throwing reset',
      changedReset(() => {
        throw new Error('no assets')
      }),
      'reset({ seed }) threw: no assets',
    ],
    ['a four-tuple step', changedStep((s) => s.slice(0, 4)), 'not 4 values'],
    ['a wrong dtype', changedStep(([o, ...r]) => [Float64Array.from(o), ...r]), 'is not in Box'],
    [
      'an infinite reward',
      changedStep(([o, , ...r]) => [o, Infinity, ...r]),
      'reward must be a finite number',
    ],
    ['numbers as flags', changedStep(([o, r, , t, i]) => [o, r, 0, t, i]), 'terminated must be a boolean'],
    [
      'noise in step',
      changedStep(([o, ...r]) => [o.map((v) => v + Math.random()), ...r]),
      'give different observations',
    ],
    ['noise in rewards', changedStep(([o, , ...r]) => [o, calls++, ...r]), 'give different rewards'],
    ['a wandering info', changedStep((s) => [...s.slice(0, 4), { calls: calls++ }]), 'give different infos'],
    [
      'an observation out of bounds',
      broken(() => ({ observationSpace: new Box(-0.001, 0.001, [4]) })),
      'is outside Box(-0.001, 0.001, [4], float32)',
    ],
    ['a space that is none', broken(() => ({ actionSpace: { n: 2 } })), 'actionSpace must be a Space'],
    [
      'a space that samples outside itself',
      broken((env) => ({ actionSpace: Object.assign(env.actionSpace, { sample: () => 2 }) })),
      'a sample of Discrete(2) is not in it',
    ],
    [
      'an rgba frame',
      broken(() => ({ render: (): RenderFrame => ({ width: 1, height: 1, data: new Uint8Array(4) }) })),
      'width * height * 3 rgb bytes',
    ],
  ]
  it.each(cases)('catches %s', (_, env, message) => {
    expect(() => checkEnv(env)).toThrow(UserError)
    expect(() => checkEnv(env)).toThrow(message)
  })

  it('lists every problem', () => {
    const env = changedStep(([o]) => [o, 'one', 1, 2, null])
    expect(() => checkEnv(env)).toThrow(/reward.*\n.*terminated.*\n.*truncated.*\n.*info/)
  })
})
