import { Rng } from '@vla-gym/gymnasium'
import { describe, expect, it } from 'vitest'
import { MotionProfile } from '../../../envs/robots/motionProfile.js'

/** SimplerEnv's limits of the Google Robot's arm. */
const limits = { velocity: 1.5, acceleration: 2, jerk: 50 }
const { velocity: V, acceleration: A, jerk: J } = limits

function durationOf(from: number, velocity: number, to: number): number {
  const profile = new MotionProfile(1, limits)
  profile.plan([from], [velocity], [to])
  return profile.duration
}

describe('a jerk-limited motion', () => {
  // Between standstills, with all limits, without the one of speed, and with that of jerk alone.
  it.each([
    ['reaches the speed limit', 2.5, 2.5 / V + V / A + A / J],
    ['reaches the acceleration limit only', 0.3, accelerationLimited(0.3)],
    ['reaches neither', 1e-4, 4 * Math.cbrt(1e-4 / (2 * J))],
  ])('from rest to rest takes the least time where it %s', (_, way, expected) => {
    expect(durationOf(0.2, 0, 0.2 + way)).toBeCloseTo(expected, 9)
    expect(durationOf(0.2, 0, 0.2 - way)).toBeCloseTo(expected, 9)
  })

  it('takes the least time from a moving start: braking at once, and the same after time runs backwards', () => {
    const brake = V / A + A / J
    expect(durationOf(0, V, (V * brake) / 2)).toBeCloseTo(brake, 6)
    // To cruise at V and to brake is half of a motion from rest to rest that is as long again.
    expect(durationOf(0, V, 1 + (V * brake) / 2)).toBeCloseTo(brake + 1 / V, 9)
    // The target is behind: it has to turn, and the way back is from rest to rest if it starts at the turning point.
    const turn = durationOf(0, 1, 0)
    expect(turn).toBeGreaterThan(1 / A + A / J)
    expect(turn).toBeLessThan(1 / A + A / J + durationOf((1 / A + A / J) / 2, 0, 0))
  })

  it('keeps all limits, ends at rest at the target, and joints arrive together', () => {
    const rng = Rng.fromSeed(0)
    const n = 4
    const profile = new MotionProfile(n, limits)
    const [p, v, before, vBefore] = [0, 0, 0, 0].map(() => new Float64Array(n))
    const dt = 2e-3
    let [speed, acceleration, jerk, integral, end, late] = [0, 0, 0, 0, 0, 0]
    for (let trial = 0; trial < 200; trial++) {
      const draw = (size: number) => Array.from({ length: n }, () => rng.uniform(-size, size))
      const size = rng.choice([0.02, 0.3, 3])
      const [start, velocity, target] = [draw(size), draw(V), draw(size)]
      profile.plan(start, velocity, target)
      profile.at(0, p, v)
      expect([...p, ...v]).toEqual([...start, ...velocity])
      const least = Math.max(...start.map((from, i) => durationOf(from, velocity[i], target[i])))
      expect(profile.duration).toBeGreaterThanOrEqual(least - 1e-9)
      late = Math.max(late, profile.duration - least)
      const a = new Float64Array(n)
      for (let k = 1; k * dt < profile.duration; k++) {
        before.set(p)
        vBefore.set(v)
        profile.at(k * dt, p, v)
        for (let i = 0; i < n; i++) {
          const next = (v[i] - vBefore[i]) / dt
          speed = Math.max(speed, Math.abs(v[i]))
          acceleration = Math.max(acceleration, Math.abs(next))
          if (k > 1) jerk = Math.max(jerk, Math.abs(next - a[i]) / dt)
          integral = Math.max(integral, Math.abs(p[i] - before[i] - (dt * (v[i] + vBefore[i])) / 2))
          a[i] = next
        }
      }
      // Where the segments end, not where the end is set.
      profile.at(profile.duration - 1e-9, p, v)
      for (let i = 0; i < n; i++) end = Math.max(end, Math.abs(p[i] - target[i]), Math.abs(v[i]))
    }
    expect(speed).toBeLessThan(V + 1e-9)
    expect(acceleration).toBeLessThan(A + 1e-6)
    // Differences of differences carry rounding of 1e-16 / dt².
    expect(jerk).toBeLessThan(J + 1e-4)
    // The trapezium rule is off by at most jerk · dt³ / 12 and what a change of jerk in between adds.
    expect(integral).toBeLessThan(J * dt ** 3)
    expect(end).toBeLessThan(1e-6)
    // A moving joint can be unable to arrive at just the time of the slowest.
    expect(late).toBeLessThan(0.5)
  })

  it('goes on from what it saved', () => {
    const profile = new MotionProfile(2, limits)
    profile.plan([0, 1], [0.3, -0.2], [0.4, 0.4])
    const copy = new MotionProfile(2, limits)
    copy.restore(JSON.parse(JSON.stringify(profile.save())))
    const [p, v, q, w] = [0, 0, 0, 0].map(() => new Float64Array(2))
    for (const t of [0, 0.1, 0.25, 0.7, 5]) {
      profile.at(t, p, v)
      copy.at(t, q, w)
      expect([...p, ...v]).toEqual([...q, ...w])
    }
  })
})

/** Rest to rest with four ramps of jerk and two stretches at the acceleration limit: way = A/2·(T/2)² less the ramps' share. */
function accelerationLimited(way: number): number {
  const ramp = A / J
  // Half of the way is covered in half of the time: v = A·(h - ramp), way/2 = v·h/2.
  const h = ramp / 2 + Math.sqrt((ramp / 2) ** 2 + way / A)
  return 2 * h
}
