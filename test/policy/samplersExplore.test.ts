import { Rng } from '@vla-gym/gymnasium'
import { describe, expect, it } from 'vitest'
import { hiddenTokens, nanoConfig } from '../../policy/nano/config.js'
import { flowSdeCoefficients } from '../../policy/samplers/flowSde.js'
import { sampleOde } from '../../policy/samplers/ode.js'
import type { DecisionBatch, Sampler, SamplerContext } from '../../policy/samplers/sampler.js'
import { createSampler, type SamplerId, samplerIds } from '../../policy/samplers/samplers.js'
import { logNormal, noiseStd, sumCounted } from './samplerOracles.js'

const { chunkSize, actionDim, denoisingSteps, width } = nanoConfig
const size = chunkSize * actionDim
const hiddenSize = hiddenTokens(nanoConfig) * width
const context: SamplerContext = { config: nanoConfig, activeChannels: 7, seed: 4 }
const range = { min: 0.08, max: 0.16 }
const delta = 1 / denoisingSteps

/** A velocity of x, the time and the place in the chunk; no row knows another. */
const fieldAt = (x: number, t: number, k: number) => Math.fround(Math.sin(3 * x + (k % size)) * (0.5 + t))

/** Decisions whose random numbers belong to the rows' names. */
function decisions(rows: readonly number[]): DecisionBatch {
  const draw = (length: number, stream: string) =>
    Float32Array.from(
      rows.flatMap((row) => [...Rng.fromSeed(row, stream).fillNormal(new Float32Array(length))]),
    )
  return {
    batch: rows.length,
    hiddenStates: draw(hiddenSize, 'hidden'),
    velocity: async (x, t) => x.map((value, k) => fieldAt(value, t, k)),
    normal: (stream) => draw(size, stream),
    integers: (stream, high) => Int32Array.from(rows, (row) => Rng.fromSeed(row, stream).integers(0, high)),
  }
}

const rows = [5, 6, 7, 8, 9, 10]
const open = (id: SamplerId, settings: Record<string, number> = {}) => createSampler(id, context, settings)

/** Log-probability of each record, from its states alone. */
function densities(id: SamplerId, sampler: Sampler, drawn: Awaited<ReturnType<Sampler['sample']>>): number[] {
  const { hiddenStates } = decisions(rows)
  const c = flowSdeCoefficients(denoisingSteps, 0.5)
  return drawn.steps.map((record, row) => {
    const { x, xNext, denoiseIndex } = record
    const stds: number[] = []
    for (let i = 0; i * size < x.length; i++) {
      if (id !== 'flow-noise') break
      const hidden = hiddenStates.subarray(row * hiddenSize, (row + 1) * hiddenSize)
      const state = x.subarray(i * size, (i + 1) * size)
      stds.push(...noiseStd(sampler.parameters, nanoConfig, range, hidden, state, 1 - i * delta))
    }
    return sumCounted(record, nanoConfig, 7, (k) => {
      const i = denoiseIndex + Math.floor(k / size)
      const t = 1 - i * delta
      const v = fieldAt(x[k], t, k)
      if (id === 'gaussian') return logNormal(xNext[k], x[k] - delta * v, 0.15)
      if (id === 'flow-noise') return logNormal(xNext[k], x[k] - delta * v, stds[k])
      const mean = c.weightX0[i] * (x[k] - t * v) + c.weightX1[i] * (x[k] + (1 - t) * v)
      return logNormal(xNext[k], mean, c.std[i])
    })
  })
}

describe.each(samplerIds)('the sampler %s', (id) => {
  it('records steps whose density, computed from the states alone, is the recorded one', async () => {
    const sampler = await open(id)
    const drawn = await sampler.sample(decisions(rows))
    const expected = densities(id, sampler, drawn)
    // States are float32: an error of 1e-7 in a state is up to 1e-6 in units of the smallest deviation.
    drawn.steps.forEach(({ logProb }, row) => {
      expect(Math.abs(logProb - expected[row])).toBeLessThan(1e-3)
    })
    expect(new Set(expected).size).toBe(rows.length)
    await sampler.release()
  })

  it('draws the same for a row whatever it is batched with', async () => {
    const sampler = await open(id)
    const together = await sampler.sample(decisions(rows))
    for (const [row, name] of rows.entries()) {
      const alone = await sampler.sample(decisions([name]))
      // The noise head's matrix products may be summed in another order for another batch.
      alone.actions.forEach((action, k) => {
        expect(action).toBeCloseTo(together.actions[row * size + k], 5)
      })
      expect(alone.steps[0].logProb).toBeCloseTo(together.steps[row].logProb, 3)
      expect(alone.steps[0].denoiseIndex).toBe(together.steps[row].denoiseIndex)
    }
    await sampler.release()
  })

  it('leaves the Euler steps of evaluation where there is no noise', async () => {
    const calm = { noiseLevel: 0, noiseStdMin: 1e-30, noiseStdMax: 1e-30, actionStd: 1e-30 }
    const sampler = await open(id, calm)
    const batch = decisions(rows)
    const { actions } = await sampler.sample(batch)
    const ode = await sampleOde(batch.velocity, batch.normal('noise'), denoisingSteps)
    expect(actions).toEqual(ode)
    await sampler.release()
  })
})

describe('Flow-Noise', () => {
  it('records the whole chain, from the initial noise to the action', async () => {
    const sampler = await open('flow-noise')
    const batch = decisions(rows)
    const { actions, steps } = await sampler.sample(batch)
    const noise = batch.normal('noise')
    steps.forEach(({ x, xNext, denoiseIndex }, row) => {
      expect(denoiseIndex).toBe(0)
      expect(x.length).toBe(denoisingSteps * size)
      expect(x.subarray(0, size)).toEqual(noise.subarray(row * size, (row + 1) * size))
      expect(x.subarray(size)).toEqual(xNext.subarray(0, -size))
      expect(xNext.subarray(-size)).toEqual(actions.subarray(row * size, (row + 1) * size))
    })
    await sampler.release()
  })

  it('takes new weights of its head, whose deviations stay in their range', async () => {
    const sampler = await open('flow-noise')
    const changed = new Map(
      [...sampler.parameters].map(([name, { shape, data }]) => {
        const rng = Rng.fromSeed(3, name)
        return [
          name,
          { dtype: 'float32' as const, shape, data: (data as Float32Array).map(() => 3 * rng.normal()) },
        ]
      }),
    )
    const before = await sampler.sample(decisions(rows))
    await sampler.setParameters(changed)
    const after = await sampler.sample(decisions(rows))
    expect(after.actions).not.toEqual(before.actions)
    expect(densities('flow-noise', { ...sampler, parameters: changed }, after)[0]).toBeCloseTo(
      after.steps[0].logProb,
      2,
    )
    const { hiddenStates, normal } = decisions(rows)
    const x = normal('noise')
    const stds = noiseStd(
      changed,
      nanoConfig,
      range,
      hiddenStates.subarray(0, hiddenSize),
      x.subarray(0, size),
      1,
    )
    expect(Math.min(...stds)).toBeLessThan(0.09)
    expect(Math.max(...stds)).toBeGreaterThan(0.15)
    for (const std of stds) expect(std >= 0.08 - 1e-9 && std <= 0.16 + 1e-9).toBe(true)
    await sampler.release()
  })
})

describe('the action-space Gaussian', () => {
  it('has a deviation for each channel when it is learned, and none to train when not', async () => {
    expect((await open('gaussian')).parameters.size).toBe(0)
    const sampler = await open('gaussian', { actionStdLr: 1e-3 })
    const [[name, { shape, data }]] = sampler.parameters
    expect(shape).toEqual([actionDim])
    expect((data as Float32Array)[3]).toBeCloseTo(Math.log(0.15), 6)
    const logStd = (data as Float32Array).map((_, channel) => Math.log(0.05 * (channel + 1)))
    await sampler.setParameters(new Map([[name, { dtype: 'float32', shape, data: logStd }]]))
    const { steps } = await sampler.sample(decisions(rows))
    const expected = sumCounted(steps[0], nanoConfig, 7, (k) => {
      const { x, xNext } = steps[0]
      return logNormal(xNext[k], x[k] - delta * fieldAt(x[k], delta, k), 0.05 * ((k % actionDim) + 1))
    })
    expect(Math.abs(steps[0].logProb - expected)).toBeLessThan(1e-3)
  })
})

it('settings that make no sense are refused', async () => {
  await expect(open('gaussian', { actionStd: 0 })).rejects.toThrow(/actionStd 0 must be greater than 0/)
  await expect(open('flow-noise', { noiseStdMin: 0.2 })).rejects.toThrow(
    /noiseStdMin 0.2 and noiseStdMax 0.16/,
  )
  await expect(open('flow-sde', { noiseLevel: -1 })).rejects.toThrow(/noise level -1/)
})
