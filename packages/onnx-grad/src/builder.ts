import { type AttributeInput, intsAttribute } from './attributes.js'
import { normalizeAxis } from './axes.js'
import { onnxDataType } from './codec.js'
import { dimFactors, dimProduct, dimQuotient, isStatic, sameShape } from './dims.js'
import { UserError } from './errors.js'
import { GraphWriter, type Operand, stopGradientPrefix, type Value } from './graphWriter.js'
import type { Dim, DType, Model } from './model.js'
import { normalizeOpset } from './normalize.js'

export type { Operand, Value }

/**
 * Writes a graph operator by operator, checking shapes as it goes (UserError at the call that is wrong).
 * Equal nodes and equal constants are shared. Shapes may hold symbolic sizes.
 */
export class GraphBuilder extends GraphWriter {
  /** Continues an existing model; its nodes are brought into order and to opset 21 or later, its shapes inferred. */
  static from(source: Model): GraphBuilder {
    const model = normalizeOpset(source)
    const builder = new GraphBuilder(model.name)
    builder.load(model, (name) => !source.initializers.has(name))
    return builder
  }

  private one(
    type: string,
    inputs: readonly (Value | undefined)[],
    attributes?: Record<string, AttributeInput>,
  ): Value {
    return this.addNode(type, inputs, attributes ?? {}, 1)[0]
  }

  private binary(op: string, a: Operand, b: Operand): Value {
    const dtype = typeof a !== 'number' ? a.dtype : typeof b !== 'number' ? b.dtype : 'float32'
    return this.one(op, [this.operand(a, dtype), this.operand(b, dtype)])
  }

  private operand(x: Operand, dtype: DType): Value {
    return typeof x === 'number' ? this.constant(x, [], dtype) : x
  }

  add = (a: Operand, b: Operand): Value => this.binary('Add', a, b)
  sub = (a: Operand, b: Operand): Value => this.binary('Sub', a, b)
  mul = (a: Operand, b: Operand): Value => this.binary('Mul', a, b)
  div = (a: Operand, b: Operand): Value => this.binary('Div', a, b)
  pow = (a: Operand, b: Operand): Value => this.binary('Pow', a, b)
  min = (a: Operand, b: Operand): Value => this.binary('Min', a, b)
  max = (a: Operand, b: Operand): Value => this.binary('Max', a, b)
  equal = (a: Operand, b: Operand): Value => this.binary('Equal', a, b)
  less = (a: Operand, b: Operand): Value => this.binary('Less', a, b)
  greater = (a: Operand, b: Operand): Value => this.binary('Greater', a, b)
  and = (a: Value, b: Value): Value => this.binary('And', a, b)
  not = (x: Value): Value => this.one('Not', [x])
  neg = (x: Value): Value => this.one('Neg', [x])
  sqrt = (x: Value): Value => this.one('Sqrt', [x])
  exp = (x: Value): Value => this.one('Exp', [x])
  log = (x: Value): Value => this.one('Log', [x])
  abs = (x: Value): Value => this.one('Abs', [x])
  erf = (x: Value): Value => this.one('Erf', [x])
  tanh = (x: Value): Value => this.one('Tanh', [x])
  sigmoid = (x: Value): Value => this.one('Sigmoid', [x])
  relu = (x: Value): Value => this.one('Relu', [x])
  sin = (x: Value): Value => this.one('Sin', [x])
  cos = (x: Value): Value => this.one('Cos', [x])
  /** x Φ(x), the exact form. */
  gelu = (x: Value): Value => this.one('Gelu', [x])
  /** x sigmoid(x). */
  silu = (x: Value): Value => this.mul(x, this.sigmoid(x))

  clip(x: Value, lo?: number, hi?: number): Value {
    const bound = (limit?: number) => (limit === undefined ? undefined : this.constant(limit, [], x.dtype))
    return this.one('Clip', [x, bound(lo), bound(hi)])
  }

  /** Matrix product over the last two axes; the others broadcast. */
  matmul = (a: Value, b: Value): Value => this.one('MatMul', [a, b])

  /** x [..., in] · weight [in, out] + bias [out] → [..., out]. */
  linear(x: Value, weight: Value, bias?: Value): Value {
    const product = this.matmul(x, weight)
    return bias ? this.add(product, bias) : product
  }

  softmax = (x: Value, axis = -1): Value => this.one('Softmax', [x], { axis })
  logSoftmax = (x: Value, axis = -1): Value => this.one('LogSoftmax', [x], { axis })

  /** Normalises over the last axis: (x − mean) / sqrt(variance + epsilon), times scale, plus bias. */
  layerNorm(x: Value, scale?: Value, bias?: Value, epsilon = 1e-5): Value {
    const width = x.shape.at(-1)
    if (typeof width !== 'number')
      throw new UserError(`layerNorm: the last axis of '${x.name}' is not static`)
    const factor = scale ?? this.constant(1, [width], x.dtype)
    return this.one('LayerNormalization', [x, factor, bias], { axis: -1, epsilon })
  }

  /**
   * The same elements under another shape. Symbolic sizes must occur somewhere in the graph; one −1 stands for
   * what remains.
   */
  reshape(x: Value, shape: readonly Dim[]): Value {
    if (sameShape(x.shape, shape)) return x
    const free = shape.indexOf(-1)
    const rest = dimProduct(shape.filter((_, i) => i !== free))
    const size = free >= 0 ? dimQuotient(dimProduct(x.shape), rest) : undefined
    const resolved = size === undefined ? shape : shape.with(free, size)
    if (sameShape(x.shape, resolved)) return x
    if (free < 0 && dimProduct(x.shape) !== rest && isStatic([dimProduct(x.shape), rest]))
      throw new UserError(`cannot reshape '${x.name}' [${x.shape}] to [${shape}]`)
    const symbolic = resolved.filter((dim, i) => typeof dim === 'string' && dim !== x.shape[i]).length
    const fits = dimProduct(resolved.filter((dim) => dim !== -1)) === dimProduct(x.shape)
    const target =
      symbolic + (resolved.includes(-1) ? 1 : 0) <= 1 && (fits || resolved.includes(-1) || isStatic(resolved))
        ? this.constant(
            resolved.map((dim, i) => (typeof dim === 'number' ? dim : dim === x.shape[i] ? 0 : -1)),
            undefined,
            'int64',
          )
        : this.shapeTensor(resolved)
    const result = this.one('Reshape', [x, target])
    return resolved.includes(-1) ? result : this.retype(result, resolved)
  }

  transpose(x: Value, perm: readonly number[]): Value {
    if (perm.every((axis, i) => axis === i) && perm.length === x.shape.length) return x
    const inner = this.producers.get(x.name)
    const innerPerm = inner?.op === 'Transpose' ? intsAttribute(inner, 'perm') : undefined
    if (inner && innerPerm && perm.every((axis, i) => innerPerm[axis] === i))
      return this.value(inner.inputs[0])
    return this.one('Transpose', [x], { perm })
  }

  concat(xs: readonly Value[], axis: number): Value {
    if (xs.length === 0) throw new UserError('concat of nothing')
    return xs.length === 1 ? xs[0] : this.one('Concat', xs, { axis })
  }

  /** Elements start … end−1 of one axis; negative positions count from the end, Infinity is the end. */
  slice(x: Value, axis: number, start: number, end: number): Value {
    const at = (position: number): Value =>
      this.constant([Math.min(position, Number.MAX_SAFE_INTEGER)], undefined, 'int64')
    return this.one('Slice', [x, at(start), at(end), at(axis)])
  }

  split(x: Value, axis: number, sizes: readonly number[]): Value[] {
    return this.emit('Split', [x, this.constant(sizes, undefined, 'int64')], { axis }, sizes.length)
  }

  gather = (x: Value, indices: Value, axis = 0): Value => this.one('Gather', [x, indices], { axis })

  /** Broadcasts to a shape; a symbolic size must occur somewhere in the graph. */
  expand(x: Value, shape: readonly Dim[]): Value {
    if (sameShape(x.shape, shape)) return x
    const rank = shape.length - x.shape.length
    const target = shape.map((dim, i) => (typeof dim === 'string' && x.shape[i - rank] === dim ? 1 : dim))
    return this.one('Expand', [x, this.shapeTensor(target)])
  }

  squeeze = (x: Value, axes: readonly number[]): Value =>
    axes.length === 0 ? x : this.one('Squeeze', [x, this.constant(axes, undefined, 'int64')])

  unsqueeze = (x: Value, axes: readonly number[]): Value =>
    axes.length === 0 ? x : this.one('Unsqueeze', [x, this.constant(axes, undefined, 'int64')])

  reduceSum = (x: Value, axes?: readonly number[], keepDims = false): Value =>
    this.reduce('ReduceSum', x, axes, keepDims)
  reduceMean = (x: Value, axes?: readonly number[], keepDims = false): Value =>
    this.reduce('ReduceMean', x, axes, keepDims)
  reduceMax = (x: Value, axes?: readonly number[], keepDims = false): Value =>
    this.reduce('ReduceMax', x, axes, keepDims)

  private reduce(op: string, x: Value, axes: readonly number[] | undefined, keepDims: boolean): Value {
    if (axes?.length === 0) return x
    const rank = x.shape.length
    const sorted = axes
      ?.map((axis) => normalizeAxis(axis, rank, `${op} of '${x.name}'`))
      .sort((a, b) => a - b)
    const list = sorted && this.constant(sorted, undefined, 'int64')
    return this.one(op, [x, list], { keepdims: keepDims ? 1 : 0 })
  }

  where(condition: Value, a: Operand, b: Operand): Value {
    const dtype = typeof a !== 'number' ? a.dtype : typeof b !== 'number' ? b.dtype : 'float32'
    return this.one('Where', [condition, this.operand(a, dtype), this.operand(b, dtype)])
  }

  cast(x: Value, dtype: DType): Value {
    return x.dtype === dtype ? x : this.one('Cast', [x], { to: onnxDataType(dtype) })
  }

  /** The same value, through which no gradient flows. */
  stopGradient(x: Value): Value {
    const name = this.fresh(stopGradientPrefix)
    this.push({ name, op: 'Identity', inputs: [x.name], outputs: [name], attributes: {} })
    this.infos.set(name, { ...x, name })
    return this.value(name)
  }

  /** int64 vector holding a shape; symbolic sizes are read from a value of the graph that has them. */
  shapeTensor(shape: readonly Dim[]): Value {
    if (isStatic(shape)) return this.constant(shape, undefined, 'int64')
    const parts = shape.map((dim) =>
      typeof dim === 'number' ? this.constant([dim], undefined, 'int64') : this.sizeTensor(dim),
    )
    return this.concat(parts, 0)
  }

  private sizeTensor(dim: string): Value {
    for (const info of this.infos.values()) {
      const axis = info.shape.indexOf(dim)
      if (axis >= 0) return this.one('Shape', [info], { start: axis, end: axis + 1 })
    }
    const factors = dimFactors(dim)
    if (factors.length < 2) throw new UserError(`no value of graph '${this.name}' has the size '${dim}'`)
    return factors
      .map((part) =>
        typeof part === 'number' ? this.constant([part], undefined, 'int64') : this.sizeTensor(part),
      )
      .reduce((a, b) => this.mul(a, b))
  }
}
