import { Rng } from '@vla-gym/gymnasium'
import { describe, expect, it } from 'vitest'
import { JointMove } from '../../../envs/aloha/jointMove.js'

const DURATION = 0.1
const STEPS = 25
const dt = DURATION / STEPS

function run(move: JointMove, target: number[], visit: () => void = () => {}): void {
  move.begin(target)
  for (let i = 0; i < STEPS; i++) {
    move.advance(dt)
    visit()
  }
}

describe('a joint move', () => {
  it('ends where it was told to, in time, whatever came before', () => {
    const rng = Rng.fromSeed(1)
    const move = new JointMove(2, DURATION)
    move.reset([0.3, -0.4])
    for (let n = 0; n < 200; n++) {
      const target = [rng.uniform(-1, 1), rng.uniform(-1, 1)]
      run(move, target)
      // A sum of 25 timesteps is not quite 0.1 s.
      for (let i = 0; i < 2; i++) expect(move.position[i]).toBeCloseTo(target[i], 10)
    }
  })

  it('stays where it was reset to until it is told to go', () => {
    const move = new JointMove(2, DURATION)
    run(move, [0.5, 0.1])
    for (const fresh of [new JointMove(2, DURATION), move]) {
      fresh.reset([0.3, -0.4])
      for (let i = 0; i < STEPS; i++) fresh.advance(dt)
      expect([...fresh.position, ...fresh.velocity]).toEqual([0.3, -0.4, 0, 0])
    }
  })

  it('has a speed that is the slope of its position and never jumps', () => {
    const rng = Rng.fromSeed(2)
    const move = new JointMove(1, DURATION)
    move.reset([0])
    let [position, velocity] = [0, 0]
    for (let n = 0; n < 50; n++) {
      run(move, [position + rng.uniform(-0.3, 0.3)], () => {
        const slope = (move.position[0] - position) / dt
        // Speed changes by at most 3.75 · way + 1.25 · speed in 10 timesteps: ways here make it 11.25 + 1.25 · 5.6 rad/s.
        expect(Math.abs(move.velocity[0] - velocity)).toBeLessThan(2)
        expect(Math.abs(slope - (move.velocity[0] + velocity) / 2)).toBeLessThan(1e-9)
        position = move.position[0]
        velocity = move.velocity[0]
      })
    }
  })

  it('does not stop between moves in one direction, and comes to rest where it is told to stay', () => {
    const move = new JointMove(1, DURATION)
    move.reset([0])
    const speeds: number[] = []
    for (let n = 1; n <= 10; n++) run(move, [0.05 * n], () => speeds.push(move.velocity[0]))
    // From rest the first move is a quarter too fast, the second a sixteenth too slow, the third 1/64 too fast.
    expect(Math.min(...speeds.slice(3 * STEPS))).toBeGreaterThan(0.497)
    expect(Math.max(...speeds.slice(3 * STEPS))).toBeLessThan(0.508)
    for (let n = 0; n < 8; n++) run(move, [0.5])
    expect(Math.abs(move.velocity[0])).toBeLessThan(1e-4)
    move.advance(dt)
    expect(move.position[0]).toBe(0.5)
    expect(move.velocity[0]).toBe(0)
  })

  it('goes on from a saved state', () => {
    const [a, b] = [new JointMove(1, DURATION), new JointMove(1, DURATION)]
    a.reset([0.1])
    run(a, [0.3])
    b.restore(a.save())
    run(a, [0.2])
    run(b, [0.2])
    expect(b.save()).toEqual(a.save())
  })
})
