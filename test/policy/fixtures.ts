import { Rng } from '@vla-gym/gymnasium'
import type { TensorData } from '@vla-gym/onnx-grad'
import type { Embodiment, EmbodimentEntry } from '../../policy/embodiment.js'
import { type NanoConfig, nanoConfig } from '../../policy/nano/config.js'
import { initParameters } from '../../policy/nano/graphs.js'
import type { Parameters } from '../../policy/parameters.js'
import type { PolicyData } from '../../policy/policy.js'
import { defaultTokenizerJson } from '../../policy/tokenizer.js'

export const widowx: Embodiment = {
  id: 'widowx',
  robotTag: 'WidowX 250s',
  arms: 'single arm',
  waist: false,
  mobileBase: false,
  controlFrequency: 5,
  actionDim: 7,
  stateDim: 14,
}

export const entry: EmbodimentEntry = {
  description: widowx,
  actionStats: {
    q01: [-0.04, -0.04, -0.04, -0.1, -0.1, -0.1, -1],
    q99: [0.04, 0.04, 0.04, 0.1, 0.1, 0.1, 1],
  },
  stateStats: { q01: Array(14).fill(-0.5), q99: Array(14).fill(0.5) },
}

export const policyData = (seed = 1, config: NanoConfig = nanoConfig): PolicyData => ({
  manifest: { format: 'vla-gym-policy/1', config, embodiments: { widowx: entry } },
  parameters: initParameters(config, seed),
  tokenizerJson: defaultTokenizerJson(),
})

/** Random observations: noise images, states within ±0.5. */
export function observations(batch: number, seed = 7, config: NanoConfig = nanoConfig) {
  const rng = Rng.fromSeed(seed, 'observations')
  const images = new Uint8Array(batch * config.imageHeight * config.imageWidth * 3).map(() =>
    rng.integers(0, 256),
  )
  const states = new Float32Array(batch * 14).map(() => rng.uniform(-0.5, 0.5))
  return { images, states }
}

export const maxDifference = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i])), 0)

/** Names of tensors that are not the same bit for bit. */
export const differing = (a: Parameters, b: Parameters): string[] =>
  [...new Set([...a.keys(), ...b.keys()])].filter((name) => {
    const [x, y] = [a.get(name), b.get(name)]
    const bytes = (tensor: TensorData) =>
      Buffer.from(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength)
    return !x || !y || `${x.dtype} ${x.shape}` !== `${y.dtype} ${y.shape}` || !bytes(x).equals(bytes(y))
  })
