/** What shape rules are made of: a rule gives the output types of a node from its inputs. */
import { intAttribute } from '../attributes.js'
import { normalizeAxis } from '../axes.js'
import { broadcastShapes } from '../dims.js'
import type { UserError } from '../errors.js'
import type { Dim, DType, GraphNode, ValueInfo } from '../model.js'

export interface OutputType {
  readonly dtype: DType
  readonly shape: readonly Dim[]
}

export interface RuleInput {
  readonly node: GraphNode
  /** Present inputs by position; a hole for an absent optional input. */
  readonly inputs: readonly ValueInfo[]
  content(index: number): readonly Dim[] | undefined
  readonly where: string
  fail(problem: string): UserError
}

/** Undefined: the output types cannot be known, not even their rank. */
export type Rule = (rule: RuleInput) => OutputType[] | undefined

export const like = (info: ValueInfo, dtype = info.dtype): OutputType => ({ dtype, shape: info.shape })
export const same: Rule = ({ inputs }) => [like(inputs[0])]
export const sameAsBool: Rule = ({ inputs }) => [like(inputs[0], 'bool')]

export const formatShape = (info: ValueInfo): string => `'${info.name}' [${info.shape}]`

/** Type of operands broadcast against each other; UserError when they do not. */
export function broadcastAll(rule: RuleInput, infos: readonly ValueInfo[], dtype: DType): OutputType[] {
  const shape = infos
    .map((info) => info.shape)
    .reduce((a, b) => {
      const both = broadcastShapes(a, b)
      if (!both) throw rule.fail(`shapes ${infos.map(formatShape).join(' and ')} do not broadcast`)
      return both
    })
  return [{ dtype, shape }]
}

/** UserError when operands that must share a type do not. */
export function requireOneType(rule: RuleInput, infos: readonly ValueInfo[]): void {
  const [first] = infos
  for (const info of infos)
    if (info.dtype !== first.dtype)
      throw rule.fail(`'${first.name}' is ${first.dtype} but '${info.name}' is ${info.dtype}: cast one`)
}

/** The attribute `axis` as 0 … rank−1. */
export const axisOf = ({ node, where }: RuleInput, rank: number, fallback: number): number =>
  normalizeAxis(intAttribute(node, 'axis', fallback), rank, where)

/** The rule for each of the operators (names separated by spaces). */
export const forAll = (operators: string, rule: Rule): Record<string, Rule> =>
  Object.fromEntries(operators.split(' ').map((op) => [op, rule]))
