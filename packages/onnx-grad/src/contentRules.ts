/**
 * Content of small tensors with symbolic entries: what exporters compute shapes with (Shape, Gather, Concat,
 * Where, …). A flat row-major list, for a scalar of one entry. Undefined where an entry is not known.
 */
import { intAttribute, intsAttribute, tensorAttribute } from './attributes.js'
import { shapeRange, sliceRange } from './axes.js'
import { dimProduct, dimQuotient, dimSum, isStatic, sameShape } from './dims.js'
import { type Dim, elementCount, type GraphNode, isFloat } from './model.js'
import { constantTensor } from './normalize.js'
import type { KnownValues } from './shapeInference.js'

type Content = readonly Dim[] | undefined
/** Undefined when the result is not known. Truth values are 0 and 1. */
type Scalar = (a: Dim, b: Dim, float: boolean) => Dim | undefined

const bothNumbers =
  (apply: (a: number, b: number) => number): Scalar =>
  (a, b) =>
    typeof a === 'number' && typeof b === 'number' ? apply(a, b) : undefined

const isWhole = (x: Dim): boolean => typeof x === 'string' || Number.isInteger(x)
/** Sizes are not negative; a difference may be. */
const isSize = (x: Dim): boolean => typeof x === 'string' && !x.includes('-')

const equal: Scalar = (a, b) => {
  if (a === b) return 1
  if (typeof a === 'number' && typeof b === 'number') return 0
  const [symbol, other] = typeof a === 'string' ? [a, b] : [b, a]
  return isSize(symbol) && typeof other === 'number' && other < 0 ? 0 : undefined
}

const divide: Scalar = (a, b, float) => {
  if (typeof a === 'number' && typeof b === 'number') return float ? a / b : Math.trunc(a / b)
  return (isWhole(a) && isWhole(b) ? dimQuotient(a, b) : undefined) ?? (float ? undefined : `(${a}/${b})`)
}

const pairs: Record<string, Scalar> = {
  Add: (a, b) => (isWhole(a) && isWhole(b) ? dimSum(a, b) : bothNumbers((x, y) => x + y)(a, b, true)),
  Sub: (a, b) => {
    if (a === b) return 0
    if (typeof b === 'number')
      return isWhole(a) && isWhole(b) ? dimSum(a, -b) : bothNumbers((x, y) => x - y)(a, b, true)
    return `(${a}-${b})`
  },
  Mul: (a, b) => (isWhole(a) && isWhole(b) ? dimProduct([a, b]) : bothNumbers((x, y) => x * y)(a, b, true)),
  Div: divide,
  Mod: bothNumbers((a, b) => a - b * Math.floor(a / b)),
  Min: (a, b) => (a === b ? a : bothNumbers(Math.min)(a, b, true)),
  Max: (a, b) => (a === b || (isSize(a) && b === 0) ? a : bothNumbers(Math.max)(a, b, true)),
  Equal: equal,
  Less: bothNumbers((a, b) => Number(a < b)),
  LessOrEqual: bothNumbers((a, b) => Number(a <= b)),
  Greater: bothNumbers((a, b) => Number(a > b)),
  GreaterOrEqual: bothNumbers((a, b) => Number(a >= b)),
  And: (a, b) => (a === 0 || b === 0 ? 0 : bothNumbers(() => 1)(a, b, true)),
  Or: (a, b) => (a === 1 || b === 1 ? 1 : bothNumbers(() => 0)(a, b, true)),
}

const singles: Record<string, (a: Dim) => Dim | undefined> = {
  Neg: (a) => (typeof a === 'number' ? -a : undefined),
  Not: (a) => (typeof a === 'number' ? 1 - a : undefined),
  // Symbols stand for whole numbers.
  Floor: (a) => (typeof a === 'number' ? Math.floor(a) : a),
  Ceil: (a) => (typeof a === 'number' ? Math.ceil(a) : a),
}

/** Whether the operands are single numbers or of one shape, so that lists match entry by entry. */
function alike(node: GraphNode, known: KnownValues): boolean {
  const shapes = node.inputs.map((name) => known.info(name)?.shape ?? ['?'])
  const lists = shapes.filter((shape) => dimProduct(shape) !== 1)
  return lists.every((shape) => sameShape(shape, lists[0]))
}

/** Entries of two lists of one length, or of one list and a single number. */
function zip(a: Content, b: Content, apply: (a: Dim, b: Dim) => Dim | undefined): Content {
  if (!a || !b || (a.length !== b.length && a.length !== 1 && b.length !== 1)) return undefined
  const length = a.length === 1 ? b.length : a.length
  return complete(
    Array.from({ length }, (_, i) => apply(a[a.length === 1 ? 0 : i], b[b.length === 1 ? 0 : i])),
  )
}

const complete = (entries: readonly (Dim | undefined)[]): Content =>
  entries.every((entry) => entry !== undefined) ? (entries as Dim[]) : undefined

type Rule = (node: GraphNode, inputs: readonly Content[], known: KnownValues) => Content

const passed: Rule = (_, [first]) => first

/** A float becomes a whole number by losing its fraction; a bool becomes 0 or 1 (and back). */
const cast: Rule = (node, [first], known) => {
  const from = known.info(node.inputs[0])?.dtype
  const to = known.info(node.outputs[0])?.dtype
  if (!first || !from || !to) return undefined
  if (to === 'bool') return complete(first.map((a) => (typeof a === 'number' ? Number(a !== 0) : undefined)))
  return isFloat(from) && !isFloat(to) ? first.map((a) => (typeof a === 'number' ? Math.trunc(a) : a)) : first
}

/** Entries at these positions along each axis of a row-major list. */
function pick(
  list: readonly Dim[],
  shape: readonly number[],
  positions: readonly (readonly number[])[],
): Content {
  let taken: (Dim | undefined)[] = [...list]
  for (let axis = 0; axis < shape.length; axis++) {
    const inner = elementCount(shape.slice(axis + 1))
    const outer = taken.length / (shape[axis] * inner)
    const from = taken
    taken = Array.from({ length: outer }, (_, o) =>
      positions[axis].flatMap((at) =>
        from.slice((o * shape[axis] + at) * inner, (o * shape[axis] + at + 1) * inner),
      ),
    ).flat()
  }
  return complete(taken)
}

const staticShape = (known: KnownValues, name: string): readonly number[] | undefined => {
  const shape = known.info(name)?.shape
  return shape && isStatic(shape) ? shape : undefined
}

const allOf = (shape: readonly number[]): number[][] => shape.map((size) => [...Array(size).keys()])

const gather: Rule = (node, [list, indices], known) => {
  const shape = staticShape(known, node.inputs[0])
  if (!list || !shape || !indices?.every((i) => typeof i === 'number')) return undefined
  const axis = intAttribute(node, 'axis', 0)
  const at = axis < 0 ? axis + shape.length : axis
  const inside = indices.map((i) => (i < 0 ? i + shape[at] : i))
  return inside.every((i) => i >= 0 && i < shape[at])
    ? pick(list, shape, allOf(shape).with(at, inside))
    : undefined
}

const slice: Rule = (node, [list, starts, ends, axes, steps], known) => {
  const shape = staticShape(known, node.inputs[0])
  if (!list || !shape || !starts || !ends || (node.inputs[3] && !axes) || (node.inputs[4] && !steps))
    return undefined
  const positions = allOf(shape)
  for (let i = 0; i < starts.length; i++) {
    const given = (axes?.[i] as number | undefined) ?? i
    const axis = given < 0 ? given + shape.length : given
    const step = steps?.[i] ?? 1
    const range = sliceRange(shape[axis], starts[i], ends[i], step)
    if (typeof range?.size !== 'number') return undefined
    positions[axis] = Array.from({ length: range.size }, (_, k) => range.start + k * (step as number))
  }
  return pick(list, shape, positions)
}

const transpose: Rule = (node, [list], known) => {
  const shape = staticShape(known, node.inputs[0])
  if (!list || shape?.length !== 2 || intsAttribute(node, 'perm')?.[0] === 0) return undefined
  const [rows, columns] = shape
  return Array.from({ length: rows * columns }, (_, i) => list[(i % rows) * columns + Math.floor(i / rows)])
}

const concat: Rule = (node, inputs, known) =>
  intAttribute(node, 'axis', 0) === 0 || known.info(node.inputs[0])?.shape.length === 1
    ? inputs.every((part) => part)
      ? inputs.flatMap((part) => part!)
      : undefined
    : undefined

const where: Rule = (node, [condition, a, b], known) => {
  if (!condition || !a || !b || !alike(node, known)) return undefined
  const length = Math.max(condition.length, a.length, b.length)
  const at = (list: readonly Dim[], i: number) => (list.length === 1 ? list[0] : list[i])
  return complete(
    Array.from({ length }, (_, i) => {
      const [left, right] = [at(a, i), at(b, i)]
      return left === right
        ? left
        : at(condition, i) === 1
          ? left
          : at(condition, i) === 0
            ? right
            : undefined
    }),
  )
}

/** A list of one number, several times, as long as `trackable` entries. */
const filled = (value: Dim, count: Dim): Content =>
  typeof count === 'number' && count >= 0 && count <= trackable ? Array(count).fill(value) : undefined

const constantOfShape: Rule = (node, [shape]) => {
  const value = tensorAttribute(node, 'value')?.data[0] ?? 0
  return shape && shape.length <= 1 ? filled(Number(value), shape[0] ?? 1) : undefined
}

const expand: Rule = (_, [first, shape]) =>
  first?.length === 1 && shape?.length === 1 ? filled(first[0], shape[0]) : undefined

const range: Rule = (_, [start, limit, delta]) => {
  const [from, to, by] = [start?.[0], limit?.[0], delta?.[0]]
  if (typeof from !== 'number' || typeof to !== 'number' || typeof by !== 'number') return undefined
  const count = Math.max(0, Math.ceil((to - from) / by))
  return count <= trackable ? Array.from({ length: count }, (_, i) => from + i * by) : undefined
}

const fold =
  (start: Dim, step: (a: Dim, b: Dim) => Dim): Rule =>
  (node, [first], known) =>
    known.info(node.inputs[0])?.shape.length === 1 && first?.every(isWhole)
      ? [first.reduce(step, start)]
      : undefined

const rules: Record<string, Rule> = {
  Constant: (node) => contentOf(constantTensor(node).data),
  Shape: (node, _, known) => {
    const info = known.info(node.inputs[0])
    return info && shapeRange(node, info.shape)
  },
  Size: (node, _, known) => {
    const info = known.info(node.inputs[0])
    return info && [dimProduct(info.shape)]
  },
  Identity: passed,
  Squeeze: passed,
  Unsqueeze: passed,
  Reshape: passed,
  Cast: cast,
  CastLike: cast,
  Concat: concat,
  Transpose: transpose,
  Gather: gather,
  Slice: slice,
  Where: where,
  ConstantOfShape: constantOfShape,
  Expand: expand,
  Range: range,
  ReduceProd: fold(1, (a, b) => dimProduct([a, b])),
  ReduceSum: fold(0, dimSum),
}

/** Tensors with more elements are not tracked. */
export const trackable = 64

/** The numbers of a small tensor as content. */
export const contentOf = (data: ArrayLike<number | bigint>): Content =>
  data.length <= trackable ? Array.from(data, Number) : undefined

/** Content of a node's first output. */
export function inferContent(node: GraphNode, known: KnownValues): Content {
  const inputs = node.inputs.map((name) => (name ? known.content(name) : undefined))
  if (Object.hasOwn(singles, node.op)) return inputs[0] && complete(inputs[0].map(singles[node.op]))
  if (Object.hasOwn(pairs, node.op)) {
    const float = isFloat(known.info(node.inputs[0])?.dtype ?? 'float32')
    return inputs.length === 2 && alike(node, known)
      ? zip(inputs[0], inputs[1], (a, b) => pairs[node.op](a, b, float))
      : undefined
  }
  return Object.hasOwn(rules, node.op) ? rules[node.op](node, inputs, known) : undefined
}
