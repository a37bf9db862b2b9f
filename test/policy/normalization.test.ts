import { Rng } from '@vla-gym/gymnasium'
import { describe, expect, it } from 'vitest'
import { actionMask, toModelActions, toModelStates, toRobotActions } from '../../policy/actionSpace.js'
import { checkConfig, hiddenTokens, nanoConfig, nanoConfigWith } from '../../policy/nano/config.js'
import { decodeGrounding, encodeGrounding } from '../../policy/nano/groundingHead.js'
import { denormalize, normalize, quantileStats } from '../../policy/normalization.js'
import { entry } from './fixtures.js'

describe('quantile normalisation', () => {
  it('takes the percentiles of each channel, interpolated', () => {
    const rows = Float32Array.from({ length: 202 }, (_, i) => (i % 2 === 0 ? i / 2 : 7))
    expect(quantileStats(rows, 2)).toEqual({ q01: [1, 7], q99: [99, 7] })
    expect(() => quantileStats(rows.subarray(1), 2)).toThrow(/not rows of 2/)
    expect(() => quantileStats(Float32Array.of(1, Number.NaN), 1)).toThrow(/non-finite/)
  })

  it('maps q01 and q99 to -1 and 1, clips only when asked, and inverts', () => {
    const stats = { q01: [-2, 5], q99: [4, 5] }
    const rows = Float32Array.of(-2, 5, 4, 5.001, 10, 4.999)
    expect([...normalize(rows, stats)].map((x) => Math.round(x * 100) / 100)).toEqual([-1, 0, 1, 1, 3, -1])
    expect(normalize(rows, stats, 1)[4]).toBe(1)
    const back = denormalize(normalize(rows, stats), stats)
    back.forEach((x, i) => {
      expect(x).toBeCloseTo(rows[i], 5)
    })
  })
})

describe('action space', () => {
  it('pads, masks, inverts, and clips to the action box', () => {
    const rng = Rng.fromSeed(3)
    const robot = new Float32Array(2 * 8 * 7).map(
      (_, i) => 0.03 * rng.uniform(-1, 1) * (i % 7 === 6 ? 30 : 1),
    )
    const model = toModelActions(robot, 2, entry, nanoConfig)
    expect(model.length).toBe(2 * 8 * 16)
    expect(model.every((x, i) => i % 16 < 7 || x === 0)).toBe(true)
    toRobotActions(model, 2, entry, nanoConfig).forEach((x, i) => {
      expect(x).toBeCloseTo(robot[i], 6)
    })
    const far = toRobotActions(new Float32Array(8 * 16).fill(-1000), 1, entry, nanoConfig)
    expect([...far.slice(0, 7)]).toEqual([-1, -1, -1, ...Array(3).fill(Math.fround(-Math.PI / 2)), -1])
    const mask = actionMask(entry, nanoConfig, 5)
    expect(mask.reduce((a, b) => a + b)).toBe(35)
    expect([mask[6], mask[7], mask[4 * 16], mask[5 * 16]]).toEqual([1, 0, 1, 0])
    expect(() => toModelActions(robot, 1, entry, nanoConfig)).toThrow(/expected 56 numbers/)
  })

  it('limits states that leave the range of the data', () => {
    const states = toModelStates(
      Float32Array.from({ length: 14 }, (_, i) => (i === 0 ? 99 : 0.25)),
      1,
      entry,
      nanoConfig,
    )
    expect([...states]).toEqual([3, ...Array(13).fill(0.5), 0, 0])
  })
})

describe('nano config', () => {
  it('checks sizes that must divide, and fields from files', () => {
    expect(hiddenTokens(nanoConfig)).toBe(10)
    expect(() => nanoConfigWith({ imageWidth: 81 })).toThrow(/imageWidth 81 is not a multiple of 40/)
    expect(() => nanoConfigWith({ heads: 5 })).toThrow(/width 96 is not a multiple of 5/)
    expect(() => nanoConfigWith({ executedSteps: 9 })).toThrow(/executedSteps 9/)
    expect(() => checkConfig({ ...nanoConfig, width: '96' })).toThrow(/width must be a whole number/)
    expect(() => checkConfig(null, 'manifest')).toThrow(/manifest: preset/)
  })
})

describe('grounding labels', () => {
  it('decode to what was encoded, yaw up to half a turn', () => {
    const labels = { source: [0.35, -0.05, 0.02], target: [0.25, 0.1, 0], sourceYaw: 1.2, grasped: 1 }
    const decoded = decodeGrounding(encodeGrounding(labels), false)
    for (const key of ['source', 'target'] as const) {
      decoded[key].forEach((x, axis) => {
        expect(x).toBeCloseTo(labels[key][axis], 6)
      })
    }
    expect(decoded.sourceYaw).toBeCloseTo(1.2, 6)
    expect(
      decodeGrounding(encodeGrounding({ ...labels, sourceYaw: 1.2 - Math.PI }), false).sourceYaw,
    ).toBeCloseTo(1.2, 6)
    expect(decoded.grasped).toBe(1)
    expect(decodeGrounding([0, 0, 0, 0, 0, 0, 0, 1, 0]).grasped).toBe(0.5)
  })
})
