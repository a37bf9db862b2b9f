import { cpSync, existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeModel, GraphBuilder, type GraphNode, type Model, readModel } from '@vla-gym/onnx-grad'
import * as ort from 'onnxruntime-node'
import { beforeAll, describe, expect, it } from 'vitest'
import { decodeSafetensors } from '../../policy/safetensors.js'
import { expectGradient } from '../packages/onnx-grad/reference.js'
import { runCli, runJson, temporaryFolder } from './cli.js'

const dir = temporaryFolder()
const at = (name: string) => join(dir, name)
const fixtures = join(import.meta.dirname, '..', 'packages', 'onnx-grad', 'fixtures')

interface Report {
  wrt: string[]
  independent: string[]
  elements?: number
  nodes: { before: number; after: number }
  opset: { before: number; after: number }
  files: string[]
  bytes: number
}

/** loss = mean((x·w)²), beside an output that w does not reach and a weight that no loss needs. */
function small(change: (model: Model) => void = () => {}): Uint8Array {
  const g = new GraphBuilder('small')
  const x = g.input('x', 'float32', ['batch', 2])
  g.input('ids', 'int64', ['batch'])
  const y = g.output('y', g.matmul(x, g.parameter('w', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6))))
  g.output('other', g.mul(x, g.parameter('unused', [2], Float32Array.of(1, 2))))
  g.output('count', g.reduceSum(g.input('numbers', 'int64', [2])))
  g.output('loss', g.reduceMean(g.mul(y, y)))
  const model = g.build()
  change(model)
  return encodeModel(model)
}

const nodeOf = (model: Model, op: string): GraphNode => model.nodes.find((node) => node.op === op)!

beforeAll(() => {
  writeFileSync(at('small.onnx'), small())
  writeFileSync(at('text.onnx'), 'this is not a model, it is a sentence')
  writeFileSync(at('empty.onnx'), '')
  writeFileSync(at('cut.onnx'), small().subarray(0, 300))
  const cycle = (model: Model) => {
    nodeOf(model, 'MatMul').inputs[0] = nodeOf(model, 'Mul').outputs[0]
    nodeOf(model, 'Mul').inputs = ['y', 'y']
  }
  writeFileSync(at('cycle.onnx'), small(cycle))
  writeFileSync(
    at('hole.onnx'),
    small((model) => model.initializers.delete('w')),
  )
  writeFileSync(
    at('unknown.onnx'),
    small((model) => (nodeOf(model, 'MatMul').op = 'MatMux')),
  )
  writeFileSync(
    at('old.onnx'),
    small((model) => (model.opset = 9)),
  )
  writeFileSync(
    at('line.onnx'),
    small((model) => (nodeOf(model, 'MatMul').inputs[1] = 'a\nname\u001b[31m')),
  )
  for (const name of ['external.onnx', 'external.onnx.data']) cpSync(join(fixtures, name), at(name))
  writeFileSync(
    at('extra.onnx'),
    small((model) => nodeOf(model, 'MatMul').outputs.push('extra')),
  )
  const external = readFileSync(at('external.onnx'), 'latin1')
  for (const name of ['lacking_', 'tooshort'])
    writeFileSync(
      at(`${name}.onnx`),
      external.replaceAll('external.onnx.data', `${name}.onnx.data`),
      'latin1',
    )
  cpSync(at('external.onnx.data'), at('tooshort.onnx.data'))
  truncateSync(at('tooshort.onnx.data'), 3000)
  writeFileSync(at('file'), '')
})

describe('vla-gym grad', () => {
  it('adds the gradients of torch.autograd to a model exported by PyTorch', async () => {
    const [source, out] = [join(fixtures, 'dit.dynamo.onnx'), at('new/dit.grad.onnx')]
    const report = await runJson<Report>(
      'grad',
      source,
      '--loss',
      'loss',
      '--wrt',
      'time.?.bias,target',
      '--out',
      out,
    )
    expect(report.wrt).toEqual(['time.0.bias', 'time.2.bias', 'target'])
    expect(report.opset).toEqual({ before: 20, after: 21 })
    expect(report.nodes.after).toBeGreaterThan(report.nodes.before)
    expect(report.files).toEqual([out])
    expect(report.bytes).toBe(statSync(out).size)
    const session = await ort.InferenceSession.create(out)
    const gradients = report.wrt.map((name) => `grad.${name}`)
    expect(session.outputNames).toEqual(['output0', 'loss', ...gradients])
    const reference = decodeSafetensors(readFileSync(join(fixtures, 'dit.safetensors')))
    const feeds = session.inputNames.map((name) => {
      const { dtype, data, shape } = reference.get(`input.${name}`)!
      return [name, new ort.Tensor(dtype as 'float32', data as Float32Array, shape)]
    })
    const result = await session.run(Object.fromEntries(feeds))
    for (const name of gradients)
      expectGradient(name, result[name].data as Float32Array, reference.get(name)!.data as Float32Array)
  })

  it('says what it did, and warns of what the loss does not depend on', async () => {
    const line = [
      'grad',
      at('small.onnx'),
      '--loss',
      'loss',
      '--wrt',
      'w,un*',
      '--out',
      at('small.grad.onnx'),
    ]
    const { code, stdout, stderr } = await runCli(...line)
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: "warning: 'loss' does not depend on 'unused', so its gradient is zero\n",
    })
    expect(stdout).toMatch(
      /^gradients of 'loss': 2 outputs, 8 numbers\n {2}grad.w\n {2}grad.unused\nnodes \d+ -> \d+, opset 21 -> 21\n.*small.grad.onnx \(0.00 MB\), loaded in onnxruntime\n$/,
    )
  })

  it('reads weights from other files', async () => {
    const out = at('external.grad.onnx')
    await runJson('grad', at('external.onnx'), '--loss', 'loss', '--wrt', '*.weight', '--out', out)
    const { model, files } = readModel(out)
    expect(files).toEqual([out])
    expect(model.outputs.filter(({ name }) => name.startsWith('grad.'))).toHaveLength(7)
  })
})

const wrong: readonly [line: string, message: RegExp][] = [
  ['@none.onnx --loss loss --wrt w', /none.onnx: no such file$/],
  ['@ --loss loss --wrt w', /: not a file$/],
  ['@text.onnx --loss loss --wrt w', /text.onnx: not a readable ONNX model \(37 bytes\)/],
  ['@empty.onnx --loss loss --wrt w', /empty.onnx: not an ONNX model: no graph/],
  ['@cut.onnx --loss loss --wrt w', /cut.onnx: not a readable ONNX model/],
  [
    '@cycle.onnx --loss loss --wrt w',
    /cycle.onnx: node '.*' \(\w+\) of model 'small' is part of a cycle through '/,
  ],
  [
    '@hole.onnx --loss loss --wrt x',
    /hole.onnx: model 'small': node '.*' \(MatMul\) reads 'w', which nothing defines$/,
  ],
  ['@unknown.onnx --loss loss --wrt w', /unknown.onnx: .*MatMux/],
  ['@old.onnx --loss loss --wrt w', /old.onnx: model 'small' has opset 9: convert it to 13 or later$/],
  ['@line.onnx --loss loss --wrt w', /line.onnx: .*reads 'a name \[31m', which nothing defines$/],
  [
    '@lacking_.onnx --loss loss --wrt x',
    /weight 'body.0.weight': its external data 'lacking_.onnx.data' is missing$/,
  ],
  [
    '@tooshort.onnx --loss loss --wrt x',
    /'tooshort.onnx.data' is too short: 2304 bytes from byte 2976 on .* has 3000$/,
  ],
  [
    '@extra.onnx --loss loss --wrt w',
    /onnxruntime does not load the model .*, nor does it load .*extra.onnx$/,
  ],
  ['@small.onnx --loss los --wrt w', /small.onnx: unknown output 'los'; nearest known: loss, /],
  ['@small.onnx --loss y --wrt w', /loss 'y' has shape \[batch,3\]: reduce it to a scalar$/],
  ['@small.onnx --loss count --wrt w', /loss 'count' is int64: it must be a float scalar$/],
  ['@small.onnx --loss loss --wrt v', /unknown float input or weight 'v'; nearest known: w, x, unused$/],
  ['@small.onnx --loss loss --wrt w,v*', /unknown float input or weight 'v\*'; nearest known: /],
  ['@small.onnx --loss loss --wrt ids', /small.onnx: wrt 'ids' is int64: only floats have gradients$/],
  [
    '@small.onnx --loss loss --wrt w --out @small.onnx',
    /--out .*small.onnx would overwrite .*small.onnx: choose/,
  ],
  ['@small.onnx --loss loss --wrt w --out @file/out.onnx', /file\/out.onnx: cannot be written \(/],
  ['@small.onnx --loss loss --out @out.onnx', /grad: required option '--wrt <names>' not specified/],
]

describe('a wrong call is answered with one line and exit code 2, and writes nothing', () => {
  const numbered = wrong.map(([line, message], i) => [line, message, at(`result${i}`)] as const)
  it.concurrent.each(numbered)('grad %s', async (line, message, folder) => {
    const words = line.replaceAll('@out.onnx', `${folder}/out.onnx`).replaceAll('@', `${dir}/`).split(' ')
    if (!line.includes('--out')) words.push('--out', join(folder, 'out.onnx'))
    const { code, stdout, stderr } = await runCli('grad', ...words)
    expect(stderr).toMatch(/^vla-gym[^\n]+\n$/)
    expect(stderr.trim()).toMatch(message)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([])
  })
})
