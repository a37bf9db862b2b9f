import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Rng } from '@vla-gym/gymnasium'
import { decodeModel, encodeModel, GraphBuilder, type Model, readModel, writeModel } from '@vla-gym/onnx-grad'
import * as ort from 'onnxruntime-node'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'

const fixtures = join(import.meta.dirname, 'fixtures')
const root = mkdtempSync(join(tmpdir(), 'external-data-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(root, 'case-'))
})
const at = (name: string) => join(dir, name)

/** Two weights above the size from which tensors go into the data file, and small ones that stay inside. */
function twoLayers(): Model {
  const rng = Rng.fromSeed(1)
  const normal = (n: number) => rng.fillNormal(new Float32Array(n))
  const g = new GraphBuilder('two layers')
  const x = g.input('x', 'float32', ['batch', 16])
  const hidden = g.tanh(
    g.linear(x, g.parameter('w1', [16, 40], normal(640)), g.parameter('b1', [40], normal(40))),
  )
  g.output('y', g.matmul(hidden, g.parameter('w2', [40, 9], normal(360))))
  return g.build()
}

async function run(source: string | Uint8Array): Promise<ort.Tensor['data']> {
  const session = await ort.InferenceSession.create(source as string, { logSeverityLevel: 4 })
  const x = new ort.Tensor('float32', Rng.fromSeed(2).fillNormal(new Float32Array(32)), [2, 16])
  return (await session.run({ x })).y.data
}

describe('weights in a file of their own', () => {
  it('are written so that onnxruntime and readModel read them', async () => {
    const model = twoLayers()
    const files = await writeModel(at('m.onnx'), model, { externalAbove: 1000 })
    expect(files).toEqual(['m.onnx.data', 'm.onnx'])
    expect(statSync(at('m.onnx')).size).toBeLessThan(1500)
    expect(await run(at('m.onnx'))).toEqual(await run(encodeModel(model)))
    const read = readModel(at('m.onnx'))
    expect(read.files).toEqual([at('m.onnx'), at('m.onnx.data')])
    expect(read.model.initializers).toEqual(model.initializers)
  })

  it('stay inside below the limit, and what was there is replaced', async () => {
    writeFileSync(at('m.onnx'), 'old')
    expect(await writeModel(at('m.onnx'), twoLayers())).toEqual(['m.onnx'])
    expect(readdirSync(dir)).toEqual(['m.onnx'])
    expect(readModel(at('m.onnx')).model.initializers).toEqual(twoLayers().initializers)
  })

  it('are read as PyTorch writes them', () => {
    const { model } = readModel(join(fixtures, 'external.onnx'))
    const inside = decodeModel(readFileSync(join(fixtures, 'mlp.dynamo.onnx')))
    for (const name of ['body.0.weight', 'body.5.weight', 'body.12.weight'])
      expect(model.initializers.get(name)).toEqual(inside.initializers.get(name))
  })

  it('leave nothing behind, and what was there as it was, when the model is not good', async () => {
    writeFileSync(at('m.onnx'), 'old')
    const verify = (path: string) => {
      expect(readdirSync(join(path, '..')).sort()).toEqual(['m.onnx', 'm.onnx.data'])
      return Promise.reject(new Error('not good'))
    }
    await expect(writeModel(at('m.onnx'), twoLayers(), { externalAbove: 1000, verify })).rejects.toThrow(
      'not good',
    )
    expect(readdirSync(dir)).toEqual(['m.onnx'])
    expect(readFileSync(at('m.onnx'), 'utf8')).toBe('old')
  })

  it('must be used for what one file cannot hold', () => {
    const data = { byteLength: 2 ** 31 } as Float32Array
    const model = {
      ...twoLayers(),
      initializers: new Map([['w', { dtype: 'float32', shape: [2 ** 29], data }]]),
    }
    expect(() => encodeModel(model as Model)).toThrow(
      /2147483648 bytes of weights, .* write it with writeModel/,
    )
  })
})

describe('external data that cannot be read is named', () => {
  beforeEach(async () => {
    await writeModel(at('m.onnx'), twoLayers(), { externalAbove: 1000 })
  })
  /** Puts another path of equal length in the place of 'm.onnx.data'. */
  const redirect = (location: string) => {
    expect(location.length).toBe('m.onnx.data'.length)
    const text = readFileSync(at('m.onnx'), 'latin1').replaceAll('m.onnx.data', location)
    writeFileSync(at('m.onnx'), text, 'latin1')
  }
  const problem = (): string => {
    try {
      readModel(at('m.onnx'))
    } catch (error) {
      expect((error as Error).name).toBe('UserError')
      return (error as Error).message
    }
    throw new Error('it was read')
  }

  it('missing', () => {
    rmSync(at('m.onnx.data'))
    expect(problem()).toBe(`${at('m.onnx')}: weight 'w1': its external data 'm.onnx.data' is missing`)
  })

  it('short', () => {
    truncateSync(at('m.onnx.data'), 5000)
    expect(problem()).toContain(
      "weight 'w2': its external data 'm.onnx.data' is too short: 1440 bytes from byte 4096 on are needed, the file has 5000",
    )
  })

  it.each(['../m.data.x', '/etc/passwd', '..//../x/yz'])("outside the model's folder: %s", (location) => {
    mkdirSync(at('inner'))
    copyFileSync(at('m.onnx.data'), at('m.data.x'))
    copyFileSync(at('m.onnx'), at('inner/m.onnx'))
    redirect(location)
    expect(problem()).toContain(
      `weight 'w1': its external data '${location}' lies outside the model's folder`,
    )
  })

  it('a link that leads elsewhere', () => {
    symlinkSync(join(fixtures, 'external.onnx.data'), at('some.place.'))
    redirect('some.place.')
    expect(problem()).toContain("'some.place.' is a link out of the model's folder")
  })

  it('a folder, a device', () => {
    mkdirSync(at('some.folder'))
    redirect('some.folder')
    expect(problem()).toContain("'some.folder' is not a file")
  })

  it('a wrong length or offset', () => {
    const text = readFileSync(at('m.onnx'), 'latin1')
    writeFileSync(at('m.onnx'), text.replace('2560', '2559'), 'latin1')
    expect(problem()).toContain("'m.onnx.data' has 2559 bytes for it, not 2560")
    writeFileSync(at('m.onnx'), text.replace('2560', '-560'), 'latin1')
    expect(problem()).toContain(
      "weight 'w1': the length '-560' of its external data is not a number of bytes",
    )
  })

  it('no folder to look in', () => {
    const bytes = readFileSync(at('m.onnx'))
    expect(() => decodeModel(bytes)).toThrow(
      "weight 'w1' lies in the file 'm.onnx.data': read the model with readModel",
    )
  })

  it('the model itself', () => {
    expect(() => readModel(at('none.onnx'))).toThrow(`${at('none.onnx')}: no such file`)
    expect(() => readModel(dir)).toThrow(`${dir}: not a file`)
  })
})

it('a link to a model elsewhere brings the data beside the real one, as caches lay them out', async () => {
  mkdirSync(at('blobs'))
  mkdirSync(at('snapshot'))
  await writeModel(at('blobs/m.onnx'), twoLayers(), { externalAbove: 1000 })
  for (const name of ['m.onnx', 'm.onnx.data']) symlinkSync(at(`blobs/${name}`), at(`snapshot/${name}`))
  expect(existsSync(at('snapshot/m.onnx.data'))).toBe(true)
  expect(readModel(at('snapshot/m.onnx')).model.initializers).toEqual(twoLayers().initializers)
})
