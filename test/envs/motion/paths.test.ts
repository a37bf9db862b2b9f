import { Rng } from '@vla-gym/gymnasium'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkMotion, type MotionOptions } from '../../../envs/motion/motionOptions.js'
import {
  interpolate,
  type Path,
  pathDuration,
  pathLength,
  pathPosition,
  pathVelocity,
} from '../../../envs/motion/path.js'
import { sampleLine } from '../../../envs/motion/sampleLine.js'
import { motionLevels, samplePath } from '../../../envs/motion/samplePath.js'
import { sampleSlide } from '../../../envs/motion/sampleSlide.js'
import { penaltyFactor, routeCompletion } from '../../../envs/motion/score.js'
import { waitOutside } from '../../../envs/motion/waitingPath.js'
import { type Bounds, isInside, thingsInTheWay } from '../../../envs/motion/workspace.js'

const bounds: Bounds = { x: [-0.3, -0.05], y: [-0.15, 0.15] }
const request = { alpha: 0.1, duration: 1.4, end: [-0.12, 0.06] as const, bounds }
const at = (path: Path, time: number) => pathPosition([0, 0], path, time)

describe('a path', () => {
  it('goes through the points that it was made of, whatever they are', () => {
    const point = fc.tuple(
      fc.double({ min: -0.5, max: 0.5, noNaN: true }),
      fc.double({ min: -0.5, max: 0.5, noNaN: true }),
    )
    fc.assert(
      fc.property(
        fc.array(point, { minLength: 2, maxLength: 5 }),
        fc.double({ min: 0.05, max: 9, noNaN: true }),
        (points, duration) => {
          const path = [interpolate(points, duration)]
          for (const [i, [x, y]] of points.entries()) {
            const [px, py] = at(path, (i * duration) / (points.length - 1))
            // Rounding of degree 4 at 16 digits.
            expect(Math.hypot(px - x, py - y)).toBeLessThan(1e-11)
          }
        },
      ),
    )
  })

  it.each(motionLevels)(
    'of level %d is drawn by the rules, and arrives when and where it should',
    (level) => {
      for (let seed = 0; seed < 100; seed++) {
        const path = samplePath(Rng.fromSeed(seed), { ...request, level })!
        expect(pathDuration(path)).toBeCloseTo(1.4, 12)
        const [x, y] = at(path, 1.4)
        expect(Math.hypot(x - request.end[0], y - request.end[1])).toBeLessThan(1e-9)
        expect(pathLength(path)).toBeLessThanOrEqual(0.1 * 1.4 * (1 + 1e-9))
        for (let i = 0; i <= 50; i++) {
          const [px, py] = at(path, (i * 1.4) / 50)
          expect(px >= bounds.x[0] && px <= bounds.x[1] && py >= bounds.y[0] && py <= bounds.y[1]).toBe(true)
        }
        expect(path.length).toBeGreaterThanOrEqual(level === 3 ? 2 : 1)
        expect(path.length).toBeLessThanOrEqual(level === 3 ? 3 : 1)
        if (level === 1) {
          const speed = Math.hypot(...pathVelocity([0, 0], path, 0.3))
          expect(speed).toBeGreaterThanOrEqual(0.01)
          expect(speed).toBeLessThanOrEqual(0.1 + 1e-12)
        }
      }
    },
  )

  it('has the velocity of its places, goes on straight, and is continuous where pieces meet', () => {
    const h = 1e-6
    for (let seed = 0; seed < 30; seed++) {
      const path = samplePath(Rng.fromSeed(seed), { ...request, level: 3 })!
      const joints = path.map((_, i) => pathDuration(path.slice(0, i + 1)))
      for (const time of [0.013, 0.7, 1.39, 2.5]) {
        if (joints.some((joint) => Math.abs(joint - time) < 2 * h)) continue
        const [a, b] = [at(path, time - h), at(path, time + h)]
        const v = pathVelocity([0, 0], path, time)
        for (let k = 0; k < 2; k++) expect((b[k] - a[k]) / (2 * h)).toBeCloseTo(v[k], 6)
      }
      for (const joint of joints) {
        const [a, b] = [at(path, joint - 1e-9), at(path, joint + 1e-9)]
        expect(Math.hypot(a[0] - b[0], a[1] - b[1])).toBeLessThan(1e-8)
      }
      expect(pathVelocity([0, 0], path, 2)).toEqual(pathVelocity([0, 0], path, 9))
    }
  })

  it('has speeds of |N(0.8 alpha, alpha / 3)|, clipped, at level 1', () => {
    const wide: Bounds = { x: [-9, 9], y: [-9, 9] }
    const speeds = Array.from({ length: 2000 }, (_, seed) => {
      const path = samplePath(Rng.fromSeed(seed, 'speeds'), { ...request, bounds: wide, level: 1 })!
      return Math.hypot(...pathVelocity([0, 0], path, 0))
    })
    const clipped = speeds.filter((speed) => speed > 0.1 - 1e-12).length / speeds.length
    // P(N(0.8, 1/3) > 1) = 0.274; four standard deviations of 2,000 draws.
    expect(Math.abs(clipped - 0.274)).toBeLessThan(0.04)
  })

  it('on a line keeps to its speeds and its direction', () => {
    for (const level of motionLevels) {
      for (let seed = 0; seed < 40; seed++) {
        const path = sampleLine(Rng.fromSeed(seed), {
          level,
          speed: [0.15, 0.25],
          duration: 1,
          end: [-0.16, 0.05],
          heading: () => Math.PI / 2,
          bounds: { x: [-0.3, 0], y: [-0.3, 0.3] },
        })!
        expect(at(path, 1)[1]).toBeCloseTo(0.05, 9)
        for (let i = 0; i < 20; i++) {
          const [vx, vy] = pathVelocity([0, 0], path, i / 20)
          expect(Math.abs(vx)).toBeLessThan(1e-12)
          expect(vy).toBeGreaterThanOrEqual(0.15 - 1e-9)
          expect(vy).toBeLessThanOrEqual(0.25 + 1e-9)
        }
      }
    }
  })

  it('waits at the edge of the bounds, and is then where it would have been', () => {
    for (let seed = 0; seed < 60; seed++) {
      const rng = Rng.fromSeed(seed, 'waiting')
      const [first, last] = [rng.uniform(0.15, 0.75), rng.uniform(0.15, 0.75)]
      const end = rng.uniform(-0.1, 0.1)
      // One piece of two speeds, or two pieces; at `end` after 1.5 s, along y.
      const line: Path =
        seed % 2 === 0
          ? [{ duration: 1.5, x: [-0.1], y: [end - 0.75 * (first + last), first, (last - first) / 3] }]
          : [
              { duration: 0.7, x: [-0.1], y: [end - 0.7 * first - 0.8 * last, first] },
              { duration: 0.8, x: [-0.1], y: [end - 0.8 * last, last] },
            ]
      const path = waitOutside(line, bounds, 1.5)
      const [startX, startY] = at(path, 0)
      expect(isInside(bounds, startX, startY, 1e-9)).toBe(true)
      for (let i = 0; i <= 40; i++) {
        const [x, y] = at(line, (i * 1.5) / 40)
        const there = at(path, (i * 1.5) / 40)
        const expected = isInside(bounds, x, y) ? [x, y] : [startX, startY]
        // The moment of entry is known to 2 ns.
        expect(Math.hypot(there[0] - expected[0], there[1] - expected[1])).toBeLessThan(1e-8)
      }
    }
  })

  it.each(motionLevels)(
    'that slides at level %d rests, is pushed, meets the end, and is braked to rest',
    (level) => {
      const braking = 0.05 * 9.81
      const speed = [0.15, 0.75] as const
      const wide: Bounds = { x: [-0.33, -0.02], y: [-0.32, 0.32] }
      const end = [-0.12, 0.06] as const
      for (let seed = 0; seed < 60; seed++) {
        const rng = Rng.fromSeed(seed, 'slide')
        const path = sampleSlide(rng, { level, speed, duration: 1.4, end, friction: 0.05, bounds: wide })!
        const [x, y] = at(path, 1.4)
        expect(Math.hypot(x - end[0], y - end[1])).toBeLessThan(1e-9)
        expect(path.length).toBe(level === 3 ? path.length : level + 1)
        expect(pathVelocity([0, 0], path, pathDuration(path) + 1).map((v) => Math.abs(v) < 1e-9)).toEqual([
          true,
          true,
        ])
        expect(path[0].x.length).toBe(1)
        for (const [i, { x, y }] of path.slice(1).entries()) {
          const pushed = Math.hypot(x[1], y[1])
          expect(pushed).toBeGreaterThanOrEqual(speed[0] - 1e-9)
          expect(pushed).toBeLessThanOrEqual(speed[1] + 1e-9)
          // Along the bend of level 2 it is not free.
          if (level === 2 && i === 0) continue
          for (const c of [x, y]) expect(2 * c[2]).toBeCloseTo((-braking * c[1]) / pushed, 9)
        }
        for (let i = 0; i <= 28; i++)
          expect(isInside(wide, ...(at(path, i / 20) as [number, number]))).toBe(true)
      }
    },
  )

  it('meets turned boxes where corners of one are inside the other', () => {
    const straight: Path = [{ duration: 1, x: [-0.3, 0.25], y: [0] }]
    const half = [0.02, 0.01] as const
    const box = (y: number, yaw: number) => ({ x: -0.15, y, yaw, half: [0.05, 0.01] as const })
    const meets = (y: number, yaw: number) =>
      thingsInTheWay(straight, bounds, { yaw: 0, half }, [box(y, yaw)], 0).length === 1
    expect([meets(0.019, 0), meets(0.021, 0)]).toEqual([true, false])
    expect([meets(0.059, Math.PI / 2), meets(0.061, Math.PI / 2)]).toEqual([true, false])
    // Half height of the turned box: (0.05 + 0.01) / sqrt(2).
    expect([meets(0.0515, Math.PI / 4), meets(0.0535, Math.PI / 4)]).toEqual([true, false])
  })
})

describe('the score', () => {
  it('is the formula of the facts sheet', () => {
    expect(routeCompletion(true, 0.3, 0.3)).toBe(100)
    expect(routeCompletion(false, 0.4, 0.1)).toBeCloseTo(75, 12)
    expect(routeCompletion(false, 0.2, 0.3)).toBe(0)
    expect([routeCompletion(false, 0.005, 0.04), routeCompletion(false, 0.005, 0.06)]).toEqual([100, 50])
    expect([penaltyFactor(false, 0), penaltyFactor(true, 0)]).toEqual([1, 0.5])
    expect(penaltyFactor(true, 2)).toBeCloseTo(0.32, 12)
  })
})

it('refuses motion that cannot be', () => {
  const wrong: [MotionOptions, RegExp][] = [
    [{ alpha: -0.1 }, /alpha must be at least 0.01 m\/s, got -0.1/],
    [{ alpha: 3 }, /alpha must be at most 0.9 m\/s, got 3: a faster thing sinks into/],
    [{ alpha: Number.NaN }, /got NaN/],
    [{ speed: [-0.2, 0.3] }, /speed must be at least 0.01 m\/s, got -0.2/],
    [{ speed: [0.2, 1.5] }, /speed must be at most 0.9 m\/s, got 1.5: a faster thing sinks into/],
    [{ speed: [0.3, 0.2] }, /speed must be a range \[low, high\] in m\/s, got \[0.3,0.2\]/],
    [{ speed: [0.3] as unknown as [number, number] }, /range/],
    [{ speed: 0.3 as unknown as [number, number] }, /range/],
    [{ clock: 'sundial' as 'time' }, /clock/],
    [{ latency: 0.1 }, /needs clock: 'time'/],
    [{ clock: 'time', latency: -1 }, /latency must be/],
    [{ clock: 'time', latency: 0.1 }, /decisionSteps/],
    [{ decisionSteps: 0 }, /decisionSteps/],
  ]
  for (const [options, message] of wrong) expect(() => checkMotion(options)).toThrow(message)
})
