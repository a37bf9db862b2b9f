/** Arithmetic on sizes that may be symbolic. A product is kept in one normal form ('39*batch'), so that equal
 * products are equal strings; everything else becomes an opaque symbol, which equals only itself. */
import type { Dim } from './model.js'

interface Monomial {
  readonly factor: number
  readonly symbols: readonly string[]
}

function parse(dim: Dim): Monomial {
  if (typeof dim === 'number') return { factor: dim, symbols: [] }
  let factor = 1
  const symbols: string[] = []
  for (const part of splitProduct(dim)) {
    if (/^\d+$/.test(part)) factor *= Number(part)
    else symbols.push(part)
  }
  return { factor, symbols: symbols.sort() }
}

/** Parts of a product, not looking inside parentheses. */
function splitProduct(text: string): string[] {
  const parts = ['']
  let depth = 0
  for (const char of text) {
    if (char === '(') depth++
    if (char === ')') depth--
    if (char === '*' && depth === 0) parts.push('')
    else parts[parts.length - 1] += char
  }
  return parts
}

function format({ factor, symbols }: Monomial): Dim {
  if (factor === 0 || symbols.length === 0) return factor
  return (factor === 1 ? symbols : [String(factor), ...symbols]).join('*')
}

/** Factors of a product of sizes; one alone where it is none. */
export const dimFactors = (dim: string): Dim[] => splitProduct(dim).map(asDim)

/** Number of elements of a shape. */
export function dimProduct(dims: readonly Dim[]): Dim {
  const parts = dims.map(parse)
  return format({
    factor: parts.reduce((product, part) => product * part.factor, 1),
    symbols: parts.flatMap((part) => part.symbols).sort(),
  })
}

/** a / b, or undefined when it is not known to be a whole number. */
export function dimQuotient(a: Dim, b: Dim): Dim | undefined {
  const top = parse(a)
  const bottom = parse(b)
  const symbols = [...top.symbols]
  for (const symbol of bottom.symbols) {
    const at = symbols.indexOf(symbol)
    if (at < 0) return undefined
    symbols.splice(at, 1)
  }
  if (bottom.factor === 0 || top.factor % bottom.factor !== 0) return undefined
  return format({ factor: top.factor / bottom.factor, symbols })
}

/** a + b. */
export function dimSum(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a + b
  if (a === 0) return b
  if (b === 0) return a
  if (typeof a === 'number') return dimSum(b, a)
  if (typeof b === 'number') {
    const [, base, offset] = /^\((.+)\+(-?\d+)\)$/.exec(a) ?? []
    // "(a+1)*(b+2)" starts and ends with parentheses too: only a balanced base is the sum's first part.
    return base && isBalanced(base) ? dimSum(asDim(base), Number(offset) + b) : `(${a}+${b})`
  }
  const left = parse(a)
  const right = parse(b)
  if (left.symbols.join('*') === right.symbols.join('*'))
    return format({ factor: left.factor + right.factor, symbols: left.symbols })
  return `(${a}+${b})`
}

function isBalanced(text: string): boolean {
  let depth = 0
  for (const char of text) {
    if (char === '(') depth++
    if (char === ')' && --depth < 0) return false
  }
  return depth === 0
}

const asDim = (text: string): Dim => (/^\d+$/.test(text) ? Number(text) : text)

/**
 * A size as a file names it. Exporters write formulas ('2*s0 + 1') where products are read here, so anything but
 * a plain product is put in parentheses, which makes it one opaque symbol.
 */
export function namedDim(name: string): Dim {
  const plain = name.replace(/\s+/g, '')
  if (/^[^()*+\-/,|[\]]+(\*[^()*+\-/,|[\]]+)*$/.test(plain)) return dimProduct([plain])
  return isBalanced(plain) ? `(${plain})` : `(${escapeName(plain)})`
}

/** A size as it is written to a file: without the parentheses that reading puts around a formula. */
export const dimName = (dim: string): string => {
  const inside = dim.slice(1, -1)
  return dim.startsWith('(') && dim.endsWith(')') && isBalanced(inside) ? inside : dim
}

const escapeName = (name: string): string =>
  name.replace(/[^\w./:-]/g, (char) => `%${char.charCodeAt(0).toString(16)}`)

/** The size of an axis of a value of which nothing is known: equal only to itself. */
export const unknownDim = (value: string, axis: number): string => `?${escapeName(value)}.${axis}`

export const isUnknownDim = (dim: Dim): boolean => typeof dim === 'string' && dim.startsWith('?')

/** Size of two broadcast axes (NumPy rule); undefined when they cannot match. */
export function broadcastDim(a: Dim, b: Dim): Dim | undefined {
  if (a === b || b === 1) return a
  if (a === 1) return b
  if (typeof a === 'number') return typeof b === 'number' ? undefined : a
  return typeof b === 'number' ? b : `(${a}|${b})`
}

/** Shape of broadcast operands (NumPy rule); undefined when they cannot match. */
export function broadcastShapes(a: readonly Dim[], b: readonly Dim[]): Dim[] | undefined {
  const rank = Math.max(a.length, b.length)
  const result: Dim[] = []
  for (let i = 0; i < rank; i++) {
    const left = a[i - rank + a.length] ?? 1
    const right = b[i - rank + b.length] ?? 1
    const dim = broadcastDim(left, right)
    if (dim === undefined) return undefined
    result.push(dim)
  }
  return result
}

export const sameShape = (a: readonly Dim[], b: readonly Dim[]): boolean =>
  a.length === b.length && a.every((dim, i) => dim === b[i])

export const isStatic = (shape: readonly Dim[]): shape is readonly number[] =>
  shape.every((dim) => typeof dim === 'number')
