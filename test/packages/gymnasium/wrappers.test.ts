import {
  Autoreset,
  Box,
  ClipAction,
  cappedCubicVideoSchedule,
  type Env,
  OrderEnforcing,
  PassiveEnvChecker,
  RecordEpisodeStatistics,
  RecordVideo,
  type RenderFrame,
  RescaleAction,
  TimeLimit,
  TransformAction,
  TransformObservation,
  TransformReward,
  UserError,
  unwrap,
  Wrapper,
} from '@vla-gym/gymnasium'
import { describe, expect, it } from 'vitest'
import { CartPole } from './cartPole.js'
import { Reach } from './reach.js'

/** Pushes right until the pole falls; the number of steps. */
function fall(env: Env<Float32Array, number>, seed?: number): number {
  env.reset({ seed })
  for (let steps = 1; ; steps++) {
    const [, , terminated, truncated] = env.step(1)
    if (terminated || truncated) return steps
  }
}

describe('TimeLimit', () => {
  it('truncates at the limit, counts from each reset, and keeps the end of the environment itself', () => {
    const env = new TimeLimit(new CartPole(), 4)
    expect([fall(env, 0), fall(env)]).toEqual([4, 4])
    const natural = fall(new CartPole(), 0)
    const exact = new TimeLimit(new CartPole(), natural)
    exact.reset({ seed: 0 })
    for (let i = 1; i < natural; i++) exact.step(1)
    expect(exact.step(1).slice(2, 4)).toEqual([true, true])
    expect(() => new TimeLimit(new CartPole(), 0)).toThrow(UserError)
  })
})

describe('RecordEpisodeStatistics', () => {
  it('reports return, length and time at the end of an episode only', () => {
    const env = new RecordEpisodeStatistics(
      new TransformReward(new TimeLimit(new CartPole(), 3), (r) => r * 2),
      2,
    )
    env.reset({ seed: 0 })
    expect(env.step(0)[4].episode).toBeUndefined()
    env.step(0)
    const { episode, angle } = env.step(0)[4]
    expect(episode).toMatchObject({ r: 6, l: 3 })
    expect(episode?.t).toBeGreaterThan(0)
    expect(angle).toBeTypeOf('number')
    fall(env)
    fall(env)
    expect([env.returnQueue, env.lengthQueue, env.timeQueue.length]).toEqual([[6, 6], [3, 3], 2])
  })
})

describe('OrderEnforcing', () => {
  it('refuses step and render before reset', () => {
    const env = new OrderEnforcing(new CartPole())
    expect(() => env.step(0)).toThrow('call env.reset() first')
    expect(() => env.render()).toThrow(UserError)
    env.reset()
    expect(env.step(0).length).toBe(5)
    expect(env.render()?.width).toBe(12)
  })
})

describe('PassiveEnvChecker', () => {
  class Broken extends CartPole {
    override reset(): [Float32Array, Record<string, unknown>] {
      return [new Float32Array(3), {}]
    }
    override step(): [Float32Array, number, boolean, boolean, Record<string, unknown>] {
      return [new Float32Array(4), NaN, 0 as unknown as boolean, false, {}]
    }
    override render(): RenderFrame {
      return { width: 2, height: 2, data: new Uint8Array(16) }
    }
  }

  it('reports bad resets, actions, steps and frames, naming the part', () => {
    const env = new PassiveEnvChecker(new Broken())
    expect(() => env.reset()).toThrow(
      'reset(): observation has 3 elements, Box(-Infinity, Infinity, [4], float32) needs 4',
    )
    expect(() => env.step(2)).toThrow('action (2) is not in Discrete(2)')
    expect(() => env.step(1)).toThrow(
      'reward must be a finite number, not NaN; step(): terminated must be a boolean',
    )
    expect(() => env.render()).toThrow(UserError)
  })

  it('looks at the first calls only, so that lazy observations stay lazy', () => {
    const reach = new Reach()
    const env = new PassiveEnvChecker(reach)
    env.reset({ seed: 1 })
    env.step(Float32Array.of(0, 0))
    const drawn = reach.drawn
    for (let i = 0; i < 5; i++) env.step(Float32Array.of(9, 9))
    expect([drawn > 0, reach.drawn - drawn]).toEqual([true, 0])
  })
})

describe('action wrappers', () => {
  it('ClipAction clips each element to its bounds', () => {
    const reach = new Reach()
    const env = new ClipAction(reach)
    env.reset({ seed: 0 })
    expect(env.actionSpace.contains(Float32Array.of(-5, 5))).toBe(true)
    env.step(Float32Array.of(-5, 0.25))
    expect(reach.received[0]).toEqual([Math.fround(-0.1), 0.25])
    expect(() => new ClipAction(new CartPole() as unknown as Reach)).toThrow('not Discrete(2)')
  })

  it('RescaleAction maps the ends and the middle, and clips beyond', () => {
    const reach = new Reach()
    const env = new RescaleAction(reach, 0, [1, 2])
    expect(env.actionSpace.toString()).toBe('Box(0, [1, 2], [2], float32)')
    env.reset({ seed: 0 })
    for (const action of [
      [0, 0],
      [0.5, 1],
      [1, 2],
      [3, -1],
    ])
      env.step(Float32Array.from(action))
    const [x, y] = [Math.fround(0.1), 0.5]
    expect(reach.received).toEqual([
      [-x, -y],
      [0, 0],
      [x, y],
      [x, -y],
    ])
    expect(() => new RescaleAction(new ClipAction(reach), -1, 1)).toThrow('finite bounds')
    expect(() => new RescaleAction(reach, 1, 1)).toThrow('minAction < maxAction')
  })

  it('TransformAction may change the type of actions', () => {
    const reach = new Reach()
    const env = new TransformAction(reach, (x: number) => Float32Array.of(x, 0), new CartPole().actionSpace)
    env.reset({ seed: 0 })
    env.step(0.0625)
    expect(reach.received).toEqual([[0.0625, 0]])
    expect(env.actionSpace.toString()).toBe('Discrete(2)')
  })
})

describe('observation and reward wrappers', () => {
  it('TransformObservation maps both reset and step, with a new space', () => {
    const env = new TransformObservation(
      new Reach(),
      (o) => Float32Array.of(o.position[0] * 10),
      new Box(-10, 10, [1]),
    )
    const [first] = env.reset({ seed: 3 })
    const [plain] = new Reach().reset({ seed: 3 })
    expect(first[0]).toBeCloseTo(plain.position[0] * 10, 5)
    expect(env.observationSpace.contains(env.step(Float32Array.of(0, 0))[0])).toBe(true)
    expect(new TransformReward(new CartPole(), (r) => -r).observationSpace).toBeInstanceOf(Box)
  })
})

describe('RecordVideo', () => {
  it('writes the chosen episodes, each with its first frame, the last even when cut short', async () => {
    const written: [string, number, number][] = []
    const cart = new CartPole()
    const env = new RecordVideo(new TimeLimit(cart, 3), {
      writeVideo: async (frames, path, fps) => {
        await Promise.resolve()
        written.push([path, frames.length, fps])
      },
      videoFolder: 'out',
      episodeTrigger: (id) => id !== 1,
    })
    fall(env, 0)
    fall(env)
    env.reset()
    env.step(0)
    env.close()
    await env.settled()
    expect(written).toEqual([
      ['out/rl-video-episode-0.mp4', 4, 50],
      ['out/rl-video-episode-2.mp4', 2, 50],
    ])
    expect(cart.closed).toBe(true)
    expect(() => new RecordVideo(new Reach(), { writeVideo() {} })).toThrow(UserError)
  })

  it('follows the cubic schedule', () => {
    const ids = Array.from({ length: 3001 }, (_, i) => i).filter(cappedCubicVideoSchedule)
    expect(ids).toEqual([0, 1, 8, 27, 64, 125, 216, 343, 512, 729, 1000, 2000, 3000])
  })
})

describe('Autoreset', () => {
  it('resets on the step after the end', () => {
    const env = new Autoreset(new TimeLimit(new CartPole(), 2))
    env.reset({ seed: 0 })
    env.step(1)
    expect(env.step(1)[3]).toBe(true)
    const [observation, reward, terminated, truncated] = env.step(1)
    expect([reward, terminated, truncated]).toEqual([0, false, false])
    expect(Math.max(...observation.map(Math.abs))).toBeLessThanOrEqual(0.05)
    expect(env.step(1)[3]).toBe(false)
  })
})

describe('Wrapper', () => {
  it('passes everything through and finds the innermost environment', () => {
    class Nothing<O, A, I extends object> extends Wrapper<O, A, I> {}
    const cart = new CartPole()
    const env = new Nothing(new Nothing(cart))
    expect([env.unwrapped, unwrap(cart), env.metadata.renderFps]).toEqual([cart, cart, 50])
    expect(env.reset({ seed: 2 })).toEqual(new CartPole().reset({ seed: 2 }))
    expect(env.render()).toEqual(cart.render())
    expect(new Nothing(new Reach()).render()).toBeNull()
    env.close()
    expect(cart.closed).toBe(true)
  })
})
