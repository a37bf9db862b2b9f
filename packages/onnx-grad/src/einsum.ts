/** The equation of Einsum with every axis named. */
import { UserError } from './errors.js'

export interface EinsumTerms {
  /** Label of each axis of each operand, and of the output. An ellipsis has become labels of its own. */
  readonly operands: readonly (readonly string[])[]
  readonly output: readonly string[]
}

const letters = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ']

/**
 * Terms of an equation like '...ij,jk->...ik'; without '->' the output has the ellipsis and then the labels that
 * occur once, sorted. UserError when it does not fit operands of these ranks.
 */
export function parseEinsum(equation: string, ranks: readonly number[], where: string): EinsumTerms {
  const [left, right] = equation.replace(/\s/g, '').split('->')
  const terms = left.split(',')
  const fail = (problem: string) => new UserError(`${where}: equation '${equation}' ${problem}`)
  if (terms.length !== ranks.length) throw fail(`has ${terms.length} operands, the node ${ranks.length}`)
  const hidden = terms.map((term, k) => ranks[k] - term.replace('...', '').length)
  terms.forEach((term, k) => {
    const wrong = term.includes('...') ? hidden[k] < 0 : hidden[k] !== 0
    if (wrong || /[^a-zA-Z]/.test(term.replace('...', '')))
      throw fail(`does not fit operand ${k} of rank ${ranks[k]}`)
  })
  const unused = letters.filter((letter) => !equation.includes(letter))
  const ellipsis = unused.slice(0, Math.max(0, ...hidden))
  const named = (term: string, count: number): string[] => {
    const [before, after] = term.split('...')
    const middle = after === undefined || count === 0 ? [] : ellipsis.slice(-count)
    return [...before, ...middle, ...(after ?? '')]
  }
  const operands = terms.map((term, k) => named(term, hidden[k]))
  const output = right === undefined ? implicitOutput(operands, ellipsis) : named(right, ellipsis.length)
  const known = new Set(operands.flat())
  const stranger = output.find((label, i) => !known.has(label) || output.indexOf(label) !== i)
  if (stranger) throw fail(`has an output label '${stranger}' that no operand has, or twice`)
  return { operands, output }
}

function implicitOutput(operands: readonly (readonly string[])[], ellipsis: readonly string[]): string[] {
  const all = operands.flat()
  const single = all.filter(
    (label) => !ellipsis.includes(label) && all.indexOf(label) === all.lastIndexOf(label),
  )
  return [...ellipsis, ...single.sort()]
}
