import { type AutoresetMode, SyncVectorEnv, TimeLimit, UserError } from '@vla-gym/gymnasium'
import { describe, expect, it } from 'vitest'
import { CartPole } from './cartPole.js'
import { Reach } from './reach.js'

/** Two cart-poles, limits of 2 and 3 steps, and the episodes they would play alone. */
function build(autoresetMode: AutoresetMode) {
  const limits = [2, 3]
  const envs = new SyncVectorEnv(
    limits.map((limit) => () => new TimeLimit(new CartPole(), limit)),
    { autoresetMode },
  )
  const alone = limits.map((_, i) => {
    const cart = new CartPole()
    const episodes = [cart.reset({ seed: 10 + i })[0]]
    for (let step = 0; step < 2 + i; step++) episodes.push(cart.step(1)[0])
    episodes.push(cart.reset()[0], cart.step(1)[0])
    return episodes
  })
  return { envs, alone, first: envs.reset({ seed: 10 })[0] }
}

describe('SyncVectorEnv', () => {
  it('NEXT_STEP: the last observation, then a reset with reward 0', () => {
    const { envs, alone, first } = build('NEXT_STEP')
    expect(first).toEqual([alone[0][0], alone[1][0]])
    envs.step([1, 1])
    const [end, , , truncations] = envs.step([1, 1])
    expect([end[0], truncations]).toEqual([alone[0][2], [true, false]])
    const [next, rewards, terminations, after] = envs.step([0, 1])
    expect(next).toEqual([alone[0][3], alone[1][3]])
    expect([[...rewards], terminations, after]).toEqual([
      [0, 1],
      [false, false],
      [false, true],
    ])
    expect(envs.step([1, 1])[0]).toEqual([alone[0][4], alone[1][4]])
    expect(envs.metadata.autoresetMode).toBe('NEXT_STEP')
  })

  it('SAME_STEP: the next episode at once, the last observation and info in infos', () => {
    const { envs, alone } = build('SAME_STEP')
    expect(envs.step([1, 1])[4]).not.toHaveProperty('0.final_obs')
    const [observations, rewards, , truncations, infos] = envs.step([1, 1])
    expect(observations).toEqual([alone[0][3], alone[1][2]])
    expect([[...rewards], truncations]).toEqual([
      [1, 1],
      [true, false],
    ])
    expect(infos[0].final_obs).toEqual(alone[0][2])
    expect(infos[0].final_info?.angle).toBeCloseTo(alone[0][2][2], 6)
    expect(infos[1]).not.toHaveProperty('final_obs')
    expect(envs.step([1, 1])[0][0]).toEqual(alone[0][4])
  })

  it('DISABLED: the caller resets, by mask', () => {
    const { envs, alone } = build('DISABLED')
    envs.step([1, 1])
    const [running] = envs.step([1, 1])
    expect(running[0]).toEqual(alone[0][2])
    expect(() => envs.step([1, 1])).toThrow('environment 0 has ended')
    const [observations] = envs.reset({ options: { reset_mask: [true, false] } })
    expect(observations).toEqual([alone[0][3], running[1]])
    expect(envs.step([1, 1])[0]).toEqual([alone[0][4], alone[1][3]])
  })

  it('copies observations unless told not to; final_obs is a copy even of a lazy one', () => {
    const play = (copy: boolean) => {
      const reach = new Reach()
      const envs = new SyncVectorEnv([() => new TimeLimit(reach, 2)], { copy, autoresetMode: 'SAME_STEP' })
      const [[first]] = envs.reset({ seed: 1 })
      const position = first.position.slice()
      envs.step([Float32Array.of(0.1, 0.1)])
      const drawn = reach.drawn
      const [[next], , , , infos] = envs.step([Float32Array.of(0.1, 0.1)])
      const final = infos[0].final_obs
      expect(final?.position).not.toEqual(next.position)
      expect(final?.position[0]).toBeCloseTo(Math.min(1, position[0] + 0.2), 5)
      expect(final?.image[0]).toBe(Math.round(Math.abs(final?.position[0] ?? 0) * 255))
      return [drawn, first.position[0] === position[0]]
    }
    expect(play(true)).toEqual([2, true])
    expect(play(false)).toEqual([0, false])
  })

  it('refuses counts that do not match and mixed spaces', () => {
    const { envs } = build('NEXT_STEP')
    expect(() => envs.step([1])).toThrow('actions has 1 elements for 2 environments')
    expect(() => envs.reset({ seed: [1] })).toThrow(UserError)
    expect(envs.reset({ seed: [11, 10] })[0]).toEqual([...build('DISABLED').first].reverse())
    const mixed = [() => new CartPole(), () => new Reach()] as unknown as (() => CartPole)[]
    expect(() => new SyncVectorEnv(mixed)).toThrow('environment 1 has other spaces')
    expect(() => new SyncVectorEnv([])).toThrow(UserError)
    expect(envs.render().map((frame) => frame?.width)).toEqual([12, 12])
  })
})
