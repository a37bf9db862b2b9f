import { Rng } from '@vla-gym/gymnasium'
import { describe, expect, it } from 'vitest'
import { flowSdeCoefficients, gaussianLogProb, sampleFlowSde } from '../../policy/samplers/flowSde.js'
import { sampleOde } from '../../policy/samplers/ode.js'
import type { VelocityField } from '../../policy/samplers/sampler.js'

const normals = (n: number, ...key: string[]) => Rng.fromSeed(1, ...key).fillNormal(new Float32Array(n))
const field: VelocityField = async (x, t) => x.map((value, k) => Math.sin(value * 3 + t) + 0.1 * (k % 5))

describe('flowSdeCoefficients', () => {
  it.each([
    {
      steps: 4,
      sigma: [1, 0.866, 0.5, 0.2887],
      std: [0.5, 0.433, 0.25, 0.1443],
      weightX0: [0.25, 0.5, 0.75, 1],
      weightX1: [0.625, 0.375, 0.1875, -0.0417],
    },
    {
      steps: 5,
      sigma: [1.118, 1, 0.6124, 0.4082, 0.25],
      std: [0.5, 0.4472, 0.2739, 0.1826, 0.1118],
      weightX0: [0.2, 0.4, 0.6, 0.8, 1],
      weightX1: [0.675, 0.475, 0.3375, 0.1583, -0.0313],
    },
  ])('has the check values of RLinf for K = $steps', ({ steps, ...expected }) => {
    const found = flowSdeCoefficients(steps, 0.5)
    for (const [name, values] of Object.entries(expected)) {
      values.forEach((value, i) => {
        expect(found[name as keyof typeof found][i]).toBeCloseTo(value, 4)
      })
    }
    expect([...found.t]).toEqual(Array.from({ length: steps }, (_, i) => 1 - i / steps))
  })

  it('refuses what would divide by zero', () => {
    expect(() => flowSdeCoefficients(1, 0.5)).toThrow(/Flow-SDE/)
    expect(() => flowSdeCoefficients(0, 0.5)).toThrow(/at least 1/)
    expect(flowSdeCoefficients(1, 0).std[0]).toBe(0)
  })
})

describe('sampling', () => {
  const [batch, size] = [5, 12]
  const noise = normals(batch * size, 'noise')
  const sdeNoise = normals(batch * size, 'sde')

  it('integrates a straight flow exactly and leaves the noise as it was', async () => {
    const target = normals(batch * size, 'target')
    const before = noise.slice()
    const actions = await sampleOde(async () => noise.map((eps, k) => eps - target[k]), noise, 4)
    actions.forEach((action, k) => {
      expect(action).toBeCloseTo(target[k], 5)
    })
    expect(noise).toEqual(before)
  })

  it('with a = 0 is the ODE bit for bit, as are rows without a stochastic step', async () => {
    const ode = await sampleOde(field, noise, 5)
    const index = Int32Array.of(0, 4, 2, 1, 3)
    const calm = await sampleFlowSde(field, noise, sdeNoise, index, flowSdeCoefficients(5, 0), {
      batch,
      size,
    })
    expect(calm.actions).toEqual(ode)
    const mixed = Int32Array.of(-1, 4, -1, 1, 3)
    const sde = await sampleFlowSde(field, noise, sdeNoise, mixed, flowSdeCoefficients(5, 0.5), {
      batch,
      size,
    })
    expect(sde.actions.slice(0, size)).toEqual(ode.slice(0, size))
    expect(sde.actions.slice(size, 2 * size)).not.toEqual(ode.slice(size, 2 * size))
    expect(sde.x.slice(0, size).every((x) => x === 0)).toBe(true)
  })

  it('keeps the states around each row’s stochastic step, which follow the published formula', async () => {
    const c = flowSdeCoefficients(4, 0.5)
    const index = Int32Array.of(0, 1, 2, 3, 0)
    const chain: Float32Array[] = []
    const recorded: VelocityField = (x, t) => {
      chain.push(x.slice())
      return field(x, t)
    }
    const sample = await sampleFlowSde(recorded, noise, sdeNoise, index, c, { batch, size })
    for (let row = 0; row < batch; row++) {
      const j = index[row]
      const v = await field(chain[j], c.t[j])
      const after = chain[j + 1] ?? sample.actions
      for (let k = row * size; k < (row + 1) * size; k++) {
        const x = chain[j][k]
        const mean = c.weightX0[j] * (x - c.t[j] * v[k]) + c.weightX1[j] * (x + (1 - c.t[j]) * v[k])
        expect(sample.x[k]).toBe(x)
        expect(sample.xNext[k]).toBe(after[k])
        expect(after[k]).toBeCloseTo(mean + c.std[j] * sdeNoise[k], 5)
      }
    }
  })

  it('rejects steps and sizes that do not exist', async () => {
    const c = flowSdeCoefficients(4, 0.5)
    const run = (index: Int32Array) => sampleFlowSde(field, noise, sdeNoise, index, c, { batch, size })
    await expect(run(Int32Array.of(0, 1, 2, 3, 4))).rejects.toThrow(/step 4 of 4/)
    await expect(run(Int32Array.of(0))).rejects.toThrow(/batch of 5/)
  })
})

describe('gaussianLogProb', () => {
  const shape = { chunkSize: 3, actionDim: 4, executedSteps: 2, activeChannels: 3 }
  const size = shape.chunkSize * shape.actionDim
  const coefficients = flowSdeCoefficients(4, 0.5)
  const denoiseIndex = Int32Array.of(0, 3, -1)
  const [x, xNext, velocity] = ['x', 'next', 'v'].map((key) => normals(3 * size, key))
  const base = { x, xNext, velocity, denoiseIndex, coefficients, ...shape }

  it('is the log of the product of Gaussian densities over executed steps and real channels', () => {
    const expected = [0, 1].map((row) => {
      const { t, delta, sigma } = coefficients
      const j = denoiseIndex[row]
      const variance = sigma[j] ** 2 * delta[j]
      let density = 1
      for (const k of [0, 1, 2, 4, 5, 6].map((offset) => row * size + offset)) {
        const x0 = x[k] - t[j] * velocity[k]
        const x1 = x[k] + (1 - t[j]) * velocity[k]
        const s = t[j] - delta[j]
        const mean = (1 - s) * x0 + (s - (sigma[j] ** 2 * delta[j]) / (2 * t[j])) * x1
        density *= Math.exp(-((xNext[k] - mean) ** 2) / (2 * variance)) / Math.sqrt(2 * Math.PI * variance)
      }
      return Math.log(density)
    })
    const found = gaussianLogProb(base)
    expect(found[0]).toBeCloseTo(expected[0], 8)
    expect(found[1]).toBeCloseTo(expected[1], 8)
    expect(found[2]).toBe(0)
  })

  it('ignores padding channels and steps that are not executed', () => {
    const changed = xNext.map((value, k) =>
      k % 4 === 3 || Math.floor((k % size) / 4) === 2 ? value + 9 : value,
    )
    expect(gaussianLogProb({ ...base, xNext: changed })).toEqual(gaussianLogProb(base))
  })

  it('is the negative entropy on average over its own samples', async () => {
    const [batch, n] = [400, 12]
    const noise = normals(batch * n, 'a')
    const index = new Int32Array(batch).fill(1)
    const sample = await sampleFlowSde(field, noise, normals(batch * n, 'b'), index, coefficients, {
      batch,
      size: n,
    })
    const v = await field(sample.x, coefficients.t[1])
    const whole = { chunkSize: 3, actionDim: 4, executedSteps: 3, activeChannels: 4 }
    const logProb = gaussianLogProb({ ...sample, velocity: v, denoiseIndex: index, coefficients, ...whole })
    const entropy = n * (0.5 * Math.log(2 * Math.PI * Math.E) + Math.log(coefficients.std[1]))
    expect(Math.abs(logProb.reduce((a, b) => a + b) / batch + entropy)).toBeLessThan(0.5)
  })
})
