import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { decodeModel, differentiate, isFloat, type TensorData } from '@vla-gym/onnx-grad'
import { describe, it } from 'vitest'
import { decodeSafetensors } from '../../../policy/safetensors.js'
import { expectGradient } from './reference.js'
import { runner, type Tensor } from './support.js'

/** By function: `model`, `input.<name>`, `output.loss`, `grad.<name>`; strangers.py made the file. */
function functionsOf(exporter: string): Map<string, Map<string, TensorData>> {
  const file = readFileSync(join(import.meta.dirname, 'fixtures', `strangers.${exporter}.safetensors.gz`))
  const functions = new Map<string, Map<string, TensorData>>()
  for (const [path, tensor] of decodeSafetensors(gunzipSync(file))) {
    const [name, key] = path.split('/')
    functions.set(name, (functions.get(name) ?? new Map()).set(key, tensor))
  }
  return functions
}

describe.each(['classic', 'dynamo'])('what people export by the %s exporter, at other sizes', (exporter) => {
  it.each([...functionsOf(exporter)])('%s', async (_, tensors) => {
    const model = decodeModel(tensors.get('model')!.data as Uint8Array)
    const wrt = model.inputs.filter((input) => isFloat(input.dtype)).map((input) => input.name)
    const run = await runner(differentiate(model, { loss: 'loss', wrt }))
    const feeds = model.inputs.map((input) => [input.name, tensors.get(`input.${input.name}`) as Tensor])
    const result = await run(Object.fromEntries(feeds))
    for (const name of ['output.loss', ...wrt.map((input) => `grad.${input}`)])
      expectGradient(name, result[name.replace('output.', '')].data, tensors.get(name)!.data as Float32Array)
  })
})
