import type { GraphBuilder, Value } from '@vla-gym/onnx-grad'
import fc from 'fast-check'
import { it } from 'vitest'
import { checkCase } from './support.js'

/** Smooth steps on [rows, columns] values with bounded derivatives; each takes two earlier values. */
const steps: ((g: GraphBuilder, a: Value, b: Value) => Value)[] = [
  (g, a, b) => g.add(a, b),
  (g, a, b) => g.sub(a, g.mul(b, 0.5)),
  (g, a, b) => g.mul(g.tanh(a), g.sigmoid(b)),
  (g, a, b) => g.div(a, g.add(g.mul(b, b), 1)),
  (g, a) => g.gelu(a),
  (g, a) => g.softmax(a, 0),
  (g, a) => g.sqrt(g.add(g.mul(a, a), 1)),
  (g, a, b) => g.matmul(g.matmul(g.tanh(a), g.transpose(g.tanh(b), [1, 0])), a),
  (g, a, b) => g.sub(a, g.reduceMean(b, [1], true)),
  (g, a, b) => g.add(a, g.reduceSum(g.sin(b), [0])),
  (g, a) => g.reshape(g.transpose(g.reshape(a, [-1, 1, a.shape[1]]), [2, 1, 0]), a.shape),
  (g, a, b) => g.slice(g.concat([a, b], 0), 0, 1, 1 + (a.shape[0] as number)),
  (g, a, b) => g.concat(g.split(g.mul(a, g.cos(b)), 1, [1, (a.shape[1] as number) - 1]).reverse(), 1),
]

it('random graphs of smooth operators agree with central differences', async () => {
  const pick = fc.nat({ max: 1000 })
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 2, max: 4 })),
      fc.array(fc.tuple(fc.nat({ max: steps.length - 1 }), pick, pick), { minLength: 1, maxLength: 6 }),
      fc.nat(),
      async (shape, program, seed) => {
        await checkCase({
          name: `random ${seed}`,
          shapes: [shape, shape],
          build: (g, xs) => {
            const values = [...xs]
            for (const [step, a, b] of program)
              values.push(g.mul(steps[step](g, values[a % values.length], values[b % values.length]), 0.7))
            return values.at(-1)!
          },
        })
      },
    ),
    { numRuns: 60, seed: 20 },
  )
})
