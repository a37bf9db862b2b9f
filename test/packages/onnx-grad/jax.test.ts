import { lax, nn, numpy as np } from '@jax-js/jax'
import type { GraphBuilder, Value } from '@vla-gym/onnx-grad'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { compareWithJax, type JaxArray, type Mirrored } from './jaxMirror.js'

const standardize = (x: JaxArray) => nn.standardize(x, -1, { epsilon: 1e-5 })
const linear = (x: JaxArray, w: JaxArray, b: JaxArray) => np.matmul(x, w.ref).add(b.ref)

const mlp: Mirrored = {
  name: 'MLP',
  weights: { w1: [7, 16], b1: [16], scale: [16], shift: [16], w2: [16, 16], b2: [16], w3: [16, 3], b3: [3] },
  inputs: { x: [5, 7] },
  onnx: (g, { x, w1, b1, scale, shift, w2, b2, w3, b3 }) => {
    const hidden = g.gelu(g.layerNorm(g.linear(x, w1, b1), scale, shift))
    return g.linear(g.tanh(g.linear(hidden, w2, b2)), w3, b3)
  },
  jax: ({ x, w1, b1, scale, shift, w2, b2, w3, b3 }) => {
    const normed = standardize(linear(x, w1, b1))
      .mul(scale.ref)
      .add(shift.ref)
    return linear(np.tanh(linear(nn.gelu(normed, { approximate: false }), w2, b2)), w3, b3)
  },
}

const [batch, context, chunk, width, heads] = [3, 4, 5, 12, 3]
const size = width / heads

/** A block of a diffusion transformer: AdaLN-6 from the timestep, joint attention, GELU MLP, action tokens out. */
const dit: Mirrored = {
  name: 'DiT block',
  scale: 0.3,
  weights: {
    frequencies: [1, 4],
    time: [8, width],
    modulation: [width, 6 * width],
    qkv: [width, 3 * width],
    out: [width, width],
    up: [width, 4 * width],
    upBias: [4 * width],
    down: [4 * width, width],
    position: [chunk, width],
  },
  inputs: { hidden: [batch, context, width], actions: [batch, chunk, width], timestep: [batch, 1] },
  onnx: (g, p) => {
    const angles = g.mul(p.timestep, p.frequencies)
    const time = g.silu(g.matmul(g.concat([g.sin(angles), g.cos(angles)], 1), p.time))
    const parts = g.split(g.unsqueeze(g.matmul(time, p.modulation), [1]), -1, Array(6).fill(width))
    const modulate = (x: Value, shift: Value, scale: Value) =>
      g.add(g.mul(g.layerNorm(x), g.add(scale, 1)), shift)
    const splitHeads = (x: Value) =>
      g.transpose(g.reshape(x, ['batch', context + chunk, heads, size]), [0, 2, 1, 3])
    let x = g.concat([p.hidden, g.add(p.actions, p.position)], 1)
    const [q, k, v] = g
      .split(g.matmul(modulate(x, parts[0], parts[1]), p.qkv), -1, [width, width, width])
      .map(splitHeads)
    const scores = g.mul(g.matmul(q, g.transpose(k, [0, 1, 3, 2])), 1 / Math.sqrt(size))
    const mixed = g.transpose(g.matmul(g.softmax(scores), v), [0, 2, 1, 3])
    const joined = g.reshape(mixed, ['batch', context + chunk, width])
    x = g.add(x, g.mul(parts[2], g.matmul(joined, p.out)))
    const inner = g.gelu(g.linear(modulate(x, parts[3], parts[4]), p.up, p.upBias))
    x = g.add(x, g.mul(parts[5], g.matmul(inner, p.down)))
    return g.slice(x, 1, context, context + chunk)
  },
  jax: (p) => {
    const angles = p.timestep.mul(p.frequencies)
    const waves = np.concatenate([np.sin(angles.ref), np.cos(angles)], 1)
    const all = np.matmul(nn.silu(np.matmul(waves, p.time)), p.modulation)
    const parts = np.split(np.expandDims(all, 1), 6, 2)
    const modulate = (x: JaxArray, shift: JaxArray, scale: JaxArray) =>
      standardize(x).mul(scale.add(1)).add(shift)
    const splitHeads = (x: JaxArray) =>
      np.transpose(x.reshape([batch, context + chunk, heads, size]), [0, 2, 1, 3])
    let x = np.concatenate([p.hidden, p.actions.add(p.position)], 1)
    const qkv = np.matmul(modulate(x.ref, parts[0], parts[1]), p.qkv)
    const [q, k, v] = np.split(qkv, 3, 2).map(splitHeads)
    const scores = np.matmul(q, np.transpose(k, [0, 1, 3, 2])).mul(1 / Math.sqrt(size))
    const mixed = np.transpose(np.matmul(nn.softmax(scores, -1), v), [0, 2, 1, 3])
    x = x.add(np.matmul(mixed.reshape([batch, context + chunk, width]), p.out).mul(parts[2]))
    const inner = nn.gelu(linear(modulate(x.ref, parts[3], parts[4]), p.up, p.upBias), { approximate: false })
    x = x.add(np.matmul(inner, p.down).mul(parts[5]))
    return np.split(x, [context], 1)[1]
  },
}

/** Strides, padding, dilation, groups, and pooling by mean and maximum. */
const conv: Mirrored = {
  name: 'conv net',
  weights: { k1: [6, 2, 3, 3], b1: [6, 1, 1], k2: [6, 2, 3, 3], k3: [4, 6, 2, 2], head: [4, 3] },
  inputs: { image: [2, 2, 11, 9] },
  onnx: (g, p) => {
    const conv = (x: Value, k: Value, attributes: Record<string, number | number[]>) =>
      g.emit('Conv', [x, k], attributes)[0]
    const first = g.silu(g.add(conv(p.image, p.k1, { strides: [2, 1], pads: [1, 1, 1, 1] }), p.b1))
    const second = g.relu(conv(first, p.k2, { group: 3, dilations: [1, 2], pads: [1, 2, 1, 2] }))
    const [pooled] = g.emit('MaxPool', [g.add(first, second)], { kernel_shape: [2, 2], strides: [2, 2] })
    const third = conv(pooled, p.k3, {})
    return g.matmul(g.reduceMean(g.tanh(third), [2, 3]), p.head)
  },
  jax: (p) => {
    const pad = (n: number): [number, number] => [n, n]
    const first = nn.silu(lax.convGeneralDilated(p.image, p.k1, [2, 1], [pad(1), pad(1)]).add(p.b1))
    const second = nn.relu(
      lax.convGeneralDilated(first.ref, p.k2, [1, 1], [pad(1), pad(2)], {
        featureGroupCount: 3,
        rhsDilation: [1, 2],
      }),
    )
    const pooled = lax.reduceWindow(first.add(second), (window) => np.max(window), [2, 2], [2, 2])
    const third = lax.convGeneralDilated(pooled, p.k3, [1, 1], [pad(0), pad(0)])
    return np.matmul(np.mean(np.tanh(third), [2, 3]), p.head)
  },
}

describe('gradients of whole models agree with jax-js', () => {
  it.each([mlp, dit, conv])('$name', compareWithJax)
})

interface Step {
  readonly onnx: (g: GraphBuilder, a: Value, b: Value) => Value
  readonly jax: (a: JaxArray, b: JaxArray) => JaxArray
}

/** Steps on two [rows, columns] values. jax-js uses arrays up, and `b` is given to every step. */
const one = (onnx: (g: GraphBuilder, a: Value) => Value, jax: (a: JaxArray) => JaxArray): Step => ({
  onnx,
  jax: (a, b) => {
    b.dispose()
    return jax(a)
  },
})
const columns = (a: Value) => a.shape[1] as number
const steps: readonly Step[] = [
  { onnx: (g, a, b) => g.add(a, b), jax: (a, b) => a.add(b) },
  { onnx: (g, a, b) => g.sub(a, g.mul(b, 0.5)), jax: (a, b) => a.sub(b.mul(0.5)) },
  { onnx: (g, a, b) => g.mul(g.tanh(a), b), jax: (a, b) => np.tanh(a).mul(b) },
  { onnx: (g, a, b) => g.div(a, g.add(g.mul(b, b), 1)), jax: (a, b) => a.div(b.ref.mul(b).add(1)) },
  { onnx: (g, a, b) => g.max(a, b), jax: (a, b) => np.maximum(a, b) },
  { onnx: (g, a, b) => g.min(a, b), jax: (a, b) => np.minimum(a, b) },
  {
    onnx: (g, a, b) => g.where(g.less(a, b), g.sin(a), b),
    jax: (a, b) => np.where(np.less(a.ref, b.ref), np.sin(a), b),
  },
  {
    onnx: (g, a, b) => g.matmul(g.matmul(g.tanh(a), g.transpose(g.tanh(b), [1, 0])), a),
    jax: (a, b) => np.matmul(np.matmul(np.tanh(a.ref), np.transpose(np.tanh(b))), a),
  },
  {
    onnx: (g, a, b) => g.sub(a, g.reduceMean(b, [1], true)),
    jax: (a, b) => a.sub(np.mean(b, 1, { keepdims: true })),
  },
  { onnx: (g, a, b) => g.add(a, g.reduceSum(g.sin(b), [0])), jax: (a, b) => a.add(np.sum(np.sin(b), 0)) },
  {
    onnx: (g, a, b) => g.add(a, g.reduceMax(b, [1], true)),
    jax: (a, b) => a.add(np.max(b, 1, { keepdims: true })),
  },
  {
    onnx: (g, a, b) => g.slice(g.concat([a, b], 1), 1, 1, 1 + columns(a)),
    jax: (a, b) => {
      const n = a.shape[1]
      const parts = np.split(np.concatenate([a, b], 1), [1, n + 1], 1)
      parts[0].dispose()
      parts[2].dispose()
      return parts[1]
    },
  },
  {
    onnx: (g, a, b) => g.add(g.gather(a, g.constant([1, 0, 1], [3], 'int64'), 1), g.reduceMean(b)),
    jax: (a, b) => np.take(a, np.array([1, 0, 1], { dtype: np.int32 }), 1).add(np.mean(b)),
  },
  one(
    (g, a) => g.gelu(a),
    (a) => nn.gelu(a, { approximate: false }),
  ),
  one(
    (g, a) => g.silu(a),
    (a) => nn.silu(a),
  ),
  one(
    (g, a) => g.erf(a),
    (a) => lax.erf(a),
  ),
  one(
    (g, a) => g.softmax(a),
    (a) => nn.softmax(a, -1),
  ),
  one(
    (g, a) => g.logSoftmax(a),
    (a) => nn.logSoftmax(a, -1),
  ),
  one((g, a) => g.layerNorm(a), standardize),
  one(
    (g, a) => g.emit('Softplus', [a])[0],
    (a) => nn.softplus(a),
  ),
  one(
    (g, a) => g.abs(a),
    (a) => np.absolute(a),
  ),
  one(
    (g, a) => g.clip(a, -0.6, 0.7),
    (a) => np.clip(a, -0.6, 0.7),
  ),
  one(
    (g, a) => g.sqrt(g.add(g.exp(a), 0.5)),
    (a) => np.sqrt(np.exp(a).add(0.5)),
  ),
  one(
    (g, a) => g.log(g.add(g.mul(a, a), 1)),
    (a) => np.log(np.square(a).add(1)),
  ),
]

/** All values have three columns, so that each step can follow each. */
const shape = [4, 3]

it('gradients of random graphs agree with jax-js', async () => {
  const pick = fc.nat({ max: 1000 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat({ max: steps.length - 1 }), pick, pick), { minLength: 2, maxLength: 9 }),
      fc.nat(),
      (program, seed) => {
        const grow = <T>(start: readonly T[], next: (step: Step, a: T, b: T) => T): T => {
          const values = [...start]
          for (const [step, a, b] of program)
            values.push(next(steps[step], values[a % values.length], values[b % values.length]))
          return values.at(-1)!
        }
        return compareWithJax({
          name: `random ${seed}`,
          weights: { w: shape },
          inputs: { x: shape },
          // A chain of nine steps can amplify float32 rounding; a wrong gradient is off by far more.
          tolerance: 1e-3,
          onnx: (g, { x, w }) => grow([x, w], (step, a, b) => g.mul(step.onnx(g, a, b), 0.8)),
          jax: ({ x, w }) => grow([x, w], (step, a, b) => step.jax(a.ref, b.ref).mul(0.8)),
        })
      },
    ),
    { numRuns: 100, seed: 5 },
  )
})
