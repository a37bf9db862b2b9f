import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeModel, differentiate, isFloat } from '@vla-gym/onnx-grad'
import { describe, expect, it } from 'vitest'
import { decodeSafetensors } from '../../../policy/safetensors.js'
import { expectGradient } from './reference.js'
import { runner, type Tensor } from './support.js'

const folder = join(import.meta.dirname, 'fixtures')
/** By model and exporter: initializer -> [PyTorch parameter, transposed]. */
const fixtures: Record<string, Record<string, Record<string, [string, boolean]>>> = JSON.parse(
  readFileSync(join(folder, 'fixtures.json'), 'utf8'),
)
const cases = Object.entries(fixtures).flatMap(([model, exporters]) =>
  Object.entries(exporters).map(([exporter, parameters]) => ({ model, exporter, parameters })),
)

/** What the exporter made of each parameter: of a tied weight it may have made two, whose gradients add up. */
function byParameter(inputs: readonly string[], parameters: Readonly<Record<string, [string, boolean]>>) {
  const copies = new Map(inputs.map((name) => [name, [{ value: name, flip: false }]]))
  for (const [value, [parameter, flip]] of Object.entries(parameters))
    copies.set(parameter, [...(copies.get(parameter) ?? []), { value, flip }])
  return copies
}

function transposed([rows, columns]: readonly number[], data: Float32Array): Float32Array {
  const out = new Float32Array(rows * columns)
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j]
  return out
}

describe('models exported by PyTorch have the gradients of torch.autograd, at another batch size', () => {
  it.each(cases)('$model by the $exporter exporter', async ({ model: name, exporter, parameters }) => {
    const reference = decodeSafetensors(readFileSync(join(folder, `${name}.safetensors`)))
    const model = decodeModel(readFileSync(join(folder, `${name}.${exporter}.onnx`)))
    const inputs = model.inputs.filter((input) => isFloat(input.dtype)).map((input) => input.name)
    const wrt = [...inputs, ...Object.keys(parameters)]
    const run = await runner(differentiate(model, { loss: 'loss', wrt }))
    const feeds = Object.fromEntries(
      model.inputs.map((input) => [input.name, reference.get(`input.${input.name}`) as Tensor]),
    )
    const result = await run(feeds)
    expectGradient('loss', result.loss.data, reference.get('output.loss')!.data as Float32Array)
    for (const [parameter, copies] of byParameter(inputs, parameters)) {
      const expected = reference.get(`grad.${parameter}`)!
      const actual = new Float32Array(expected.data.length)
      for (const { value, flip } of copies) {
        const { shape, data } = result[`grad.${value}`]
        const part = flip ? transposed(shape, data) : data
        expect(part.length, value).toBe(actual.length)
        part.forEach((x, i) => {
          actual[i] += x
        })
      }
      expectGradient(`grad.${parameter}`, actual, expected.data as Float32Array)
    }
  })
})
