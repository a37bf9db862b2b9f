import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Rng, UserError } from '@vla-gym/gymnasium'
import { decodeModel, differentiate, encodeModel, GraphBuilder, type Model } from '@vla-gym/onnx-grad'
import { describe, expect, it } from 'vitest'

/** A copy of the bytes with one to three injuries: mostly changed bytes, sometimes parts removed, doubled or cut off. */
function injuredBytes(rng: Rng, bytes: Uint8Array): Uint8Array {
  let out: Uint8Array = Uint8Array.from(bytes)
  for (let i = rng.integers(1, 4); i > 0 && out.length > 4; i--) {
    const at = rng.integers(0, out.length)
    const to = Math.min(at + rng.integers(1, 40), out.length)
    const kind = rng.integers(0, 16)
    if (kind === 0) out = out.slice(0, at)
    else if (kind === 1) out = Uint8Array.from([...out.subarray(0, at), ...out.subarray(to)])
    else if (kind === 2) out = Uint8Array.from([...out.subarray(0, to), ...out.subarray(at)])
    else if (kind < 9) out[at] ^= 1 << rng.integers(0, 8)
    else out[at] = rng.integers(0, 256)
  }
  return out
}

const oddNumbers = [0, 1, -1, 2, 7, -5, 1000, 2 ** 31, -(2 ** 40), 2 ** 53 - 1]

/** A copy of the model with one or two injuries that bytes alone seldom give: wrong names, sizes, attributes, types. */
function injuredModel(rng: Rng, source: Model): Model {
  const model = structuredClone(source)
  const pick = <T>(list: readonly T[]): T => list[rng.integers(0, list.length)]
  const number = () => pick(oddNumbers)
  for (let i = rng.integers(1, 3); i > 0; i--) {
    const node = pick(model.nodes)
    const other = pick(model.nodes)
    const attribute = pick(Object.keys(node.attributes))
    const [name, tensor] = pick([...model.initializers])
    const kind = rng.integers(0, 12)
    if (kind === 0) node.inputs.splice(rng.integers(0, node.inputs.length + 1), 1)
    else if (kind === 1) node.inputs.push(pick(other.outputs))
    else if (kind === 2) node.inputs[0] = pick([...model.initializers.keys(), ...other.outputs, ''])
    else if (kind === 3) node.op = other.op
    else if (kind === 4) node.outputs = rng.integers(0, 2) ? [] : [...node.outputs, `more.${i}`]
    else if (kind === 5 && attribute)
      node.attributes[attribute] = rng.integers(0, 2)
        ? { type: 'ints', value: Array.from({ length: rng.integers(0, 4) }, number) }
        : { type: 'int', value: number() }
    else if (kind === 6 && attribute) node.attributes[attribute] = { type: 'string', value: 'odd' }
    else if (kind === 7 && attribute) delete node.attributes[attribute]
    else if (kind === 8) model.initializers.delete(name)
    else if (kind === 9 && tensor.dtype === 'int64')
      tensor.data.fill(BigInt(number()) as never, rng.integers(0, tensor.data.length + 1))
    else if (kind === 10) model.initializers.set(name, pick([...model.initializers.values()]))
    else if (kind === 11)
      model.inputs = model.inputs.map((input) => ({ ...input, shape: pick([[], ['batch'], [3], [2, 3, 4]]) }))
  }
  return model
}

function small(): Uint8Array {
  const g = new GraphBuilder('small')
  const x = g.input('x', 'float32', ['batch', 3])
  const ids = g.input('ids', 'int64', ['batch'])
  const w = g.parameter('w', [3, 4], new Float32Array(12).fill(0.5))
  const table = g.parameter('table', [5, 4], new Float32Array(20).fill(0.25))
  const h = g.add(g.layerNorm(g.gelu(g.matmul(x, w))), g.gather(table, ids))
  const [a, b] = g.split(g.transpose(g.reshape(h, ['batch', 2, 2]), [0, 2, 1]), 1, [1, 1])
  const joined = g.concat([g.softmax(a), g.clip(b, -1, 1)], 2)
  g.output('y', joined)
  g.output('loss', g.reduceMean(g.where(g.greater(joined, 0), joined, g.pow(joined, 2))))
  return encodeModel(g.build())
}

const fates = ['refused', 'decoded', 'differentiated'] as const

/** How far the bytes get; anything that is thrown but a UserError is passed on. */
function fateOf(bytes: Uint8Array): (typeof fates)[number] {
  let fate: (typeof fates)[number] = 'refused'
  try {
    const model = decodeModel(bytes)
    fate = 'decoded'
    decodeModel(encodeModel(model))
    const names = [...model.inputs.map((input) => input.name), ...model.initializers.keys()]
    const wrt = names.filter((name) => ['x', 'w', 'table', 'table.weight', 'mix'].includes(name))
    decodeModel(encodeModel(differentiate(model, { loss: 'loss', wrt })))
    fate = 'differentiated'
  } catch (error) {
    if (!(error instanceof UserError)) throw error
  }
  return fate
}

/** Injures a file again and again; every fate must be met, or the injuries would not reach what lies behind it. */
function fuzz(name: string, count: number, injured: (rng: Rng) => Uint8Array): void {
  const seen = new Map<string, number>()
  for (let i = 0; i < count; i++) {
    const mutant = injured(Rng.fromSeed(i, name))
    const start = performance.now()
    try {
      const fate = fateOf(mutant)
      seen.set(fate, (seen.get(fate) ?? 0) + 1)
    } catch (error) {
      throw new Error(`mutant ${i}: ${(error as Error).stack}`)
    }
    // A mutant takes some milliseconds; this is about hanging.
    expect(performance.now() - start, `time of mutant ${i}`).toBeLessThan(10_000)
  }
  for (const fate of fates) expect(seen.get(fate), fate).toBeGreaterThan(count / 50)
}

describe('a damaged file is refused or read, and never anything else', () => {
  const exported: Uint8Array = readFileSync(join(import.meta.dirname, 'fixtures', 'tokens.dynamo.onnx'))
  it.each([
    ['small', small(), 1000],
    ['exported', exported, 500],
  ])('%s: bytes', (name, bytes, count) => {
    fuzz(`${name} bytes`, count, (rng) => injuredBytes(rng, bytes))
  })

  it.each([
    ['small', small(), 1000],
    ['exported', exported, 500],
  ])('%s: structure', (name, bytes, count) => {
    const model = decodeModel(bytes)
    fuzz(`${name} structure`, count, (rng) => encodeModel(injuredModel(rng, model)))
  })
})
