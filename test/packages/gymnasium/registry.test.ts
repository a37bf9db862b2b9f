import {
  make,
  makeVec,
  nearestIds,
  OrderEnforcing,
  PassiveEnvChecker,
  parseEnvId,
  Rng,
  register,
  registeredIds,
  spec,
  TimeLimit,
  UserError,
  unwrap,
  type Wrapper,
} from '@vla-gym/gymnasium'
import { describe, expect, it } from 'vitest'
import { CartPole } from './cartPole.js'

class HeavyCartPole extends CartPole {
  readonly mass: number
  constructor({ mass }: { mass: number }) {
    super()
    this.mass = mass
  }
}

register({ id: 'CartPole-v1', entryPoint: () => new CartPole(), maxEpisodeSteps: 5 })
register({
  id: 'classic/HeavyCartPole-v0',
  entryPoint: (kwargs: { mass: number }) => new HeavyCartPole(kwargs),
  kwargs: { mass: 2 },
})

describe('register and make', () => {
  it('wraps as Gymnasium does and carries the spec', () => {
    const env = make<Float32Array, number>('CartPole-v1') as Wrapper<Float32Array, number>
    expect(env).toBeInstanceOf(TimeLimit)
    expect(env.env).toBeInstanceOf(OrderEnforcing)
    expect((env.env as Wrapper<Float32Array, number>).env).toBeInstanceOf(PassiveEnvChecker)
    expect(env.unwrapped).toBeInstanceOf(CartPole)
    expect(env.spec).toMatchObject({ id: 'CartPole-v1', namespace: null, version: 1, maxEpisodeSteps: 5 })
    env.reset({ seed: 0 })
    expect([1, 2, 3, 4, 5].map((_, i) => env.step(i % 2)[3])).toEqual([false, false, false, false, true])
  })

  it('overlays kwargs and lets the limit be replaced or dropped', () => {
    const mass = (kwargs?: { mass: number }) =>
      (unwrap(make('classic/HeavyCartPole-v0', kwargs)) as HeavyCartPole).mass
    expect([mass(), mass({ mass: 7 })]).toEqual([2, 7])
    expect(make('CartPole-v1', {}, { maxEpisodeSteps: null })).not.toBeInstanceOf(TimeLimit)
    expect(make('classic/HeavyCartPole-v0', {}, { maxEpisodeSteps: 3 }).spec?.maxEpisodeSteps).toBe(3)
    expect(make('CartPole-v1', {}, { disableEnvChecker: true, maxEpisodeSteps: null })).not.toHaveProperty(
      'env.env',
    )
  })

  it('makes vector environments', () => {
    const envs = makeVec<Float32Array, number>('CartPole-v1', 3, { autoresetMode: 'SAME_STEP' })
    const [observations] = envs.reset({ seed: 4 })
    expect(observations.length).toBe(3)
    const [alone] = make<Float32Array>('CartPole-v1').reset({ seed: 6 })
    expect(observations[2]).toEqual(alone)
    for (let i = 0; i < 4; i++) envs.step([0, 1, 0])
    expect(envs.step([1, 1, 0])[3]).toEqual([true, true, true])
  })

  it('answers unknown ids and versions with the nearest known', () => {
    expect(registeredIds()).toEqual(['CartPole-v1', 'classic/HeavyCartPole-v0'])
    expect(spec('CartPole-v1').name).toBe('CartPole')
    expect(() => make('CartPole-v3')).toThrow(UserError)
    expect(() => make('CartPole-v3')).toThrow(
      "unknown environment id 'CartPole-v3'; nearest known: CartPole-v1",
    )
    expect(() => make('cartpole')).toThrow('nearest known: CartPole-v1')
    expect(nearestIds('stak_cube', ['put_carrot', 'stack_cube', 'Stak_Cube'], 2)).toEqual([
      'Stak_Cube',
      'stack_cube',
    ])
  })

  it('refuses malformed and taken ids', () => {
    const entryPoint = () => new CartPole()
    expect(() => register({ id: 'CartPole', entryPoint })).toThrow('[namespace/]name-vN')
    expect(() => register({ id: 'a/b/c-v0', entryPoint })).toThrow(UserError)
    expect(() => register({ id: 'CartPole-v1', entryPoint })).toThrow('already registered')
    expect(parseEnvId('simpler-widowx/widowx_stack_cube-v0')).toEqual({
      namespace: 'simpler-widowx',
      name: 'widowx_stack_cube',
      version: 0,
    })
  })
})

describe('Rng', () => {
  it('depends on the key only, splits independently of its position, and resumes from a save', () => {
    const draw = (rng: Rng) => Array.from({ length: 4 }, () => rng.uint32())
    const rng = Rng.fromSeed(7, 'env', 3)
    expect(draw(Rng.fromSeed(7, 'env', 3))).toEqual(draw(Rng.fromSeed(7, 'env', 3)))
    expect(draw(Rng.fromSeed(7, 'env', 3))).not.toEqual(draw(Rng.fromSeed(7, 'env', '3')))
    const before = draw(rng.split('a'))
    draw(rng)
    expect(draw(rng.split('a'))).toEqual(before)
    expect(draw(rng.split('b'))).not.toEqual(before)
    const saved = JSON.parse(JSON.stringify(rng.save()))
    expect(draw(Rng.restore(saved))).toEqual(draw(rng))
  })

  it('has the moments and ranges of its distributions', () => {
    const rng = Rng.fromSeed(1)
    const n = 40000
    const normal = rng.fillNormal(new Float32Array(n))
    const moment = (k: number) => normal.reduce((sum, v) => sum + v ** k, 0) / n
    expect(Math.abs(moment(1))).toBeLessThan(4 / Math.sqrt(n))
    expect(Math.abs(moment(2) - 1)).toBeLessThan(4 * Math.sqrt(2 / n))
    expect(Math.abs(moment(4) - 3)).toBeLessThan(4 * Math.sqrt(96 / n))
    const counts = [0, 0, 0, 0, 0]
    for (let i = 0; i < n; i++) counts[rng.integers(-2, 3) + 2]++
    for (const count of counts) expect(Math.abs(count - n / 5)).toBeLessThan(4 * Math.sqrt(n * 0.16))
    const uniform = Array.from({ length: n }, () => rng.uniform(2, 4))
    expect(uniform.every((u) => u >= 2 && u < 4)).toBe(true)
    const shuffled = rng.shuffle(Uint32Array.from({ length: 50 }, (_, i) => i))
    expect(shuffled).not.toEqual(shuffled.slice().sort())
    expect([...shuffled].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i))
    expect(['a', 'b']).toContain(rng.choice(['a', 'b']))
  })
})
