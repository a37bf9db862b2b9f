import type { GraphBuilder, Value } from '@vla-gym/onnx-grad'
import fc from 'fast-check'
import { it } from 'vitest'
import { ints } from './cases/samples.js'
import { type Case, checkCase } from './finiteDifferences.js'

/** A smooth step on [rows, columns] values with bounded derivatives; takes two earlier values of that shape. */
type Step = (g: GraphBuilder, a: Value, b: Value) => Value

const emit = (g: GraphBuilder, op: string, inputs: (Value | undefined)[], attributes = {}): Value =>
  g.emit(op, inputs, attributes)[0]
const rows = (x: Value): number => x.shape[0] as number
const columns = (x: Value): number => x.shape[1] as number
/** The leading part of a larger value. */
const cut = (g: GraphBuilder, x: Value, like: Value): Value =>
  g.slice(g.slice(x, 0, 1, 1 + rows(like)), 1, 1, 1 + columns(like))
/** As one image with one channel. */
const image = (g: GraphBuilder, x: Value): Value => g.unsqueeze(x, [0, 1])

/** Steps that onnxruntime computes in float64 too, where differences are exact to seven digits. */
const steps: Step[] = [
  (g, a, b) => g.add(a, b),
  (g, a, b) => g.sub(a, g.mul(b, 0.5)),
  (g, a, b) => g.mul(g.tanh(a), g.cos(b)),
  (g, a, b) => g.div(a, g.add(g.mul(b, b), 1)),
  (g, a) => g.softmax(a, 0),
  (g, a, b) => g.add(g.logSoftmax(a, 1), b),
  (g, a) => g.sqrt(g.add(g.mul(a, a), 1)),
  (g, a, b) => g.pow(g.add(g.mul(g.tanh(a), 0.5), 1), g.tanh(b)),
  (g, a, b) => g.matmul(g.matmul(g.tanh(a), g.transpose(g.tanh(b), [1, 0])), a),
  (g, a, b) => emit(g, 'Einsum', [g.tanh(a), g.tanh(b), a], { equation: 'ij,kj,kl->il' }),
  (g, a, b) => emit(g, 'Einsum', [g.tanh(a), b], { equation: '...j,...k->...j' }),
  (g, a, b) => g.sub(a, g.reduceMean(b, [1], true)),
  (g, a, b) => g.add(a, g.reduceSum(g.sin(b), [0])),
  (g, a, b) => g.add(a, emit(g, 'ReduceLogSumExp', [b, ints(g, 0)])),
  (g, a, b) => g.mul(g.tanh(a), emit(g, 'ReduceProd', [g.tanh(b), ints(g, 1)])),
  (g, a) => g.reshape(g.transpose(g.reshape(a, [-1, 1, columns(a)]), [2, 1, 0]), a.shape),
  (g, a, b) => g.slice(g.concat([a, b], 0), 0, 1, 1 + rows(a)),
  (g, a, b) => g.concat(g.split(g.mul(a, g.cos(b)), 1, [1, columns(a) - 1]).reverse(), 1),
  (g, a, b) => g.add(emit(g, 'CumSum', [a, g.constant(0, [], 'int64')], { reverse: 1 }), b),
  (g, a, b) => g.add(emit(g, 'Trilu', [a], { upper: 0 }), emit(g, 'Trilu', [b])),
  (g, a) => cut(g, emit(g, 'Tile', [g.sin(a), ints(g, 2, 2)]), a),
  (g, a, b) => cut(g, emit(g, 'Pad', [g.mul(a, g.cos(b)), ints(g, 1, 1, 0, 0)], { mode: 'edge' }), a),
  (g, a, b) => g.add(g.reduceSum(g.gather(a, ints(g, -1, 0, 0), 1), [1], true), b),
  (g, a, b) => g.add(emit(g, 'GatherND', [g.sin(a), g.constant([0, 1], [1, 2], 'int64')]), b),
  (g, a, b) => emit(g, 'ScatterND', [a, g.constant([0], [1, 1], 'int64'), g.slice(b, 0, -1, rows(b))]),
  (g, a, b) => g.sub(a, g.emit('TopK', [g.mul(b, 0.9), ints(g, 1)], { axis: 1 }, 2)[0]),
]

/** Steps in float32 only. */
const steps32: Step[] = [
  ...steps,
  (g, a) => g.gelu(a),
  (g, a, b) => g.mul(g.silu(a), g.sigmoid(b)),
  (g, a) => emit(g, 'Mish', [a]),
  (g, a, b) => g.layerNorm(g.add(a, g.mul(b, 0.3)), undefined, undefined, 0.1),
  (g, a, b) => {
    const kernel = g.unsqueeze(g.tanh(cut(g, emit(g, 'Tile', [b, ints(g, 2, 2)]), b)), [0, 1])
    const padded = emit(g, 'Pad', [image(g, a), ints(g, 0, 0, rows(a) - 1, 0, 0, 0, 0, columns(a) - 1)])
    return g.mul(g.squeeze(emit(g, 'Conv', [padded, kernel]), [0, 1]), 0.5)
  },
  (g, a, b) => g.add(g.reshape(emit(g, 'GlobalAveragePool', [image(g, g.sin(a))]), [1, 1]), b),
  (g, a) =>
    g.squeeze(
      emit(
        g,
        'AveragePool',
        [emit(g, 'Resize', [image(g, a), undefined, g.constant([1, 1, 2, 2])], { mode: 'linear' })],
        {
          kernel_shape: [2, 2],
          strides: [2, 2],
        },
      ),
      [0, 1],
    ),
  (g, a, b) => {
    const [scale, bias] = [0.7, 0.1].map((value) => g.constant(value, [rows(a)], a.dtype))
    const normalised = emit(g, 'InstanceNormalization', [g.unsqueeze(g.add(a, b), [0]), scale, bias], {
      epsilon: 0.2,
    })
    return g.squeeze(normalised, [0])
  },
]

const pick = fc.nat({ max: 1000 })
const programOf = (count: number) =>
  fc.tuple(
    fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 2, max: 4 })),
    fc.array(fc.tuple(fc.nat({ max: count - 1 }), pick, pick), { minLength: 1, maxLength: 6 }),
    fc.nat(),
  )

async function agree(table: readonly Step[], only32: Case['only32'], numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(programOf(table.length), async ([shape, program, seed]) => {
      await checkCase({
        name: `random ${seed}`,
        shapes: [shape, shape],
        only32,
        build: (g, xs) => {
          const values = [...xs]
          for (const [step, a, b] of program)
            values.push(g.mul(table[step](g, values[a % values.length], values[b % values.length]), 0.7))
          return values.at(-1)!
        },
      })
    }),
    { numRuns, seed: 20 },
  )
}

it('random graphs agree with central differences in float64', () => agree(steps, undefined, 80))

it('random graphs with operators of float32 only agree with differences of fourth order', () =>
  agree(steps32, 'smooth', 60))
