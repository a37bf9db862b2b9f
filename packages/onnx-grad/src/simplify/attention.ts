import { intsAttribute } from '../attributes.js'
import { sameShape } from '../dims.js'
import type { GraphNode } from '../model.js'
import { type Rewriting, reshapeTarget } from './rewriting.js'

/**
 * Products over several batch axes get one: [..., m, k] · [..., k, n] → [−1, m, k] · [−1, k, n]. A Transpose that
 * makes the last axis another one is divided into one that keeps it last, which copies whole rows, and a swap of the
 * last two axes. onnxruntime makes that swap part of the product, unless it can merge it with the Transpose before,
 * which the Reshape in between prevents.
 */
export function batchedMatMul(node: GraphNode, r: Rewriting): boolean {
  if (node.op !== 'MatMul') return false
  const [a, b, y] = [...node.inputs, node.outputs[0]].map((name) => r.info(name)?.shape)
  if (!a || !b || !y || a.length < 4 || !sameShape(a.slice(0, -2), b.slice(0, -2))) return false
  const target = reshapeTarget(y)
  const isStatic = [...a.slice(-2), ...b.slice(-2)].every((dim) => typeof dim === 'number')
  if (!target || !isStatic) return false
  const product = r.write('MatMul', [matrices(node.inputs[0], r), matrices(node.inputs[1], r)])
  r.write('Reshape', [product[0], r.ints(target)], {}, [node.outputs[0]])
  return true
}

/** The value as [−1, rows, columns]. */
function matrices(name: string, r: Rewriting): string {
  return r.once(`matrices of ${name}`, () => {
    const [rows, columns] = r.info(name)!.shape.slice(-2) as number[]
    const { source, perm } = transposeChain(name, r)
    const rank = perm.length
    if (rank < 2 || perm[rank - 2] !== rank - 1)
      return r.write('Reshape', [name, r.ints([-1, rows, columns])])[0]
    const kept = [...perm.slice(0, -2), perm[rank - 1], perm[rank - 2]]
    const ordered = kept.every((axis, i) => axis === i)
      ? source
      : r.write('Transpose', [source], { perm: { type: 'ints', value: kept } })[0]
    const [flat] = r.write('Reshape', [ordered, r.ints([-1, columns, rows])])
    return r.write('Transpose', [flat], { perm: { type: 'ints', value: [0, 2, 1] } })[0]
  })
}

/** The value as one transposition of what a chain of Transpose nodes starts from; an empty perm for none. */
function transposeChain(name: string, r: Rewriting): { source: string; perm: readonly number[] } {
  let source = name
  let perm: readonly number[] = []
  for (let node = r.producer(source); node?.op === 'Transpose'; node = r.producer(source)) {
    const inner = intsAttribute(node, 'perm')
    if (!inner) break
    perm = perm.length ? perm.map((axis) => inner[axis]) : inner
    source = node.inputs[0]
  }
  return { source, perm }
}
